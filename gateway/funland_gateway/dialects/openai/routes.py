"""The `openai` dialect's table: https://platform.openai.com/docs/api-reference, below `/v1`."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.openai import schemas
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.embeddings import create_embedding
from funland_gateway.dialects.openai.errors import ENVELOPE
from funland_gateway.dialects.openai.models import list_models, retrieve_model

_TAG: Final = "openai"

OPENAI: Final = Dialect(
    name=_TAG,
    prefixes=("/v1/",),
    envelope=ENVELOPE,
    routes=(
        Route(
            "POST",
            "/v1/chat/completions",
            create_chat_completion,
            "Answers a conversation.",
            _TAG,
            schemas.CHAT_REQUEST,
            schemas.CHAT_RESPONSE,
            streams=True,
        ),
        Route(
            "POST",
            "/v1/completions",
            create_completion,
            "Continues one or more prompts.",
            _TAG,
            schemas.COMPLETION_REQUEST,
            schemas.COMPLETION_RESPONSE,
            streams=True,
        ),
        Route(
            "POST",
            "/v1/embeddings",
            create_embedding,
            "Turns texts into vectors.",
            _TAG,
            schemas.EMBEDDING_REQUEST,
            schemas.EMBEDDING_RESPONSE,
        ),
        Route(
            "GET",
            "/v1/models",
            list_models,
            "Lists the installed models.",
            _TAG,
            response_schema=schemas.MODEL_LIST,
        ),
        Route(
            "GET",
            "/v1/models/{model}",
            retrieve_model,
            "Gets one model.",
            _TAG,
            response_schema=schemas.MODEL,
        ),
    ),
)
