"""The `openai` dialect's table: https://platform.openai.com/docs/api-reference, and a few more."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.openai import other_schemas, schemas
from funland_gateway.dialects.openai.audio_routes import AUDIO_ROUTES
from funland_gateway.dialects.openai.batches_routes import BATCH_ROUTES
from funland_gateway.dialects.openai.chat_routes import CHAT_ROUTES
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.embeddings import create_embedding
from funland_gateway.dialects.openai.errors import ENVELOPE
from funland_gateway.dialects.openai.files_routes import FILE_ROUTES
from funland_gateway.dialects.openai.image_routes import IMAGE_ROUTES
from funland_gateway.dialects.openai.models import delete_model, list_models, retrieve_model
from funland_gateway.dialects.openai.rerank import rerank, rerank_as_cohere
from funland_gateway.dialects.openai.responses_routes import RESPONSE_ROUTES
from funland_gateway.dialects.openai.tokens import (
    MODEL,
    apply_template,
    detokenize,
    tokenize,
    tokenizer_info,
)

_TAG: Final = "openai"


def _rerank(path: str) -> Route:
    return Route(
        "POST",
        path,
        rerank,
        "Orders documents by how well they answer a query.",
        _TAG,
        other_schemas.RERANK_REQUEST,
        other_schemas.RERANK_RESPONSE,
    )


OPENAI: Final = Dialect(
    name=_TAG,
    prefixes=("/v1/",),
    envelope=ENVELOPE,
    routes=(
        *CHAT_ROUTES,
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
        Route(
            "DELETE",
            "/v1/models/{model}",
            delete_model,
            "Deletes a model and its files.",
            _TAG,
            response_schema=schemas.DELETED,
        ),
        *RESPONSE_ROUTES,
        *FILE_ROUTES,
        *BATCH_ROUTES,
        *AUDIO_ROUTES,
        *IMAGE_ROUTES,
        # What OpenAI has no endpoint for, as other servers have it.
        _rerank("/v1/rerank"),
        _rerank("/rerank"),
        _rerank("/v1/reranking"),
        _rerank("/reranking"),
        Route(
            "POST",
            "/v2/rerank",
            rerank_as_cohere,
            "Orders documents by how well they answer a query; Cohere's answer.",
            _TAG,
            other_schemas.COHERE_RERANK_REQUEST,
            other_schemas.COHERE_RERANK_RESPONSE,
        ),
        Route(
            "POST",
            "/tokenize",
            tokenize,
            "Turns a text or a chat into tokens.",
            _TAG,
            other_schemas.TOKENIZE_REQUEST,
            other_schemas.TOKENIZE_RESPONSE,
        ),
        Route(
            "POST",
            "/detokenize",
            detokenize,
            "Turns tokens into text.",
            _TAG,
            other_schemas.DETOKENIZE_REQUEST,
            other_schemas.DETOKENIZE_RESPONSE,
        ),
        Route(
            "GET",
            "/tokenizer_info",
            tokenizer_info,
            "Tells what a model's tokens and marks are.",
            _TAG,
            response_schema=other_schemas.TOKENIZER,
            query=(MODEL,),
        ),
        Route(
            "POST",
            "/apply-template",
            apply_template,
            "Gives the prompt that a chat would become.",
            _TAG,
            schemas.TEMPLATE_REQUEST,
            other_schemas.TEMPLATE_RESPONSE,
        ),
    ),
)
