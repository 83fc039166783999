"""The `ollama` dialect's table: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

from functools import partial
from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.ollama import schemas
from funland_gateway.dialects.ollama.blobs import create_blob, find_blob
from funland_gateway.dialects.ollama.chat import chat
from funland_gateway.dialects.ollama.creating import copy, create
from funland_gateway.dialects.ollama.embeddings import embed, embeddings
from funland_gateway.dialects.ollama.errors import ENVELOPE
from funland_gateway.dialects.ollama.generate import generate
from funland_gateway.dialects.ollama.models import delete, list_models, list_running, show
from funland_gateway.dialects.ollama.pulling import pull, push
from funland_gateway.dialects.ollama.telling import get_root, get_version
from funland_gateway.streams import LINES

_route: Final = partial(Route, tag="ollama")
_streamed: Final = partial(Route, tag="ollama", streams=True, framing=LINES)

OLLAMA: Final = Dialect(
    name="ollama",
    prefixes=("/api/blobs/",),
    envelope=ENVELOPE,
    routes=(
        _streamed(
            "POST",
            "/api/generate",
            generate,
            "Answers a prompt, or continues it.",
            request_schema=schemas.GENERATE_REQUEST,
            response_schema=schemas.GENERATE_RESPONSE,
        ),
        _streamed(
            "POST",
            "/api/chat",
            chat,
            "Answers a conversation.",
            request_schema=schemas.CHAT_REQUEST,
            response_schema=schemas.CHAT_RESPONSE,
        ),
        _streamed(
            "POST",
            "/api/create",
            create,
            "Makes a model of a file, or of another model.",
            request_schema=schemas.CREATE_REQUEST,
            response_schema=schemas.PROGRESS,
        ),
        _route("HEAD", "/api/blobs/{digest}", find_blob, "Tells whether a blob is there."),
        _route(
            "POST",
            "/api/blobs/{digest}",
            create_blob,
            "Takes a blob in; the body is the file as it is.",
        ),
        _route(
            "GET",
            "/api/tags",
            list_models,
            "Lists the installed models.",
            response_schema=schemas.TAGS,
        ),
        _route(
            "POST",
            "/api/show",
            show,
            "Tells what a model is.",
            request_schema=schemas.NAMED,
            response_schema=schemas.SHOWN,
        ),
        _route(
            "POST",
            "/api/copy",
            copy,
            "Gives a model's files another name, as a model of its own.",
            request_schema=schemas.COPY_REQUEST,
        ),
        _route(
            "DELETE",
            "/api/delete",
            delete,
            "Deletes a model and its files.",
            request_schema=schemas.NAMED,
        ),
        _streamed(
            "POST",
            "/api/pull",
            pull,
            "Downloads a model from a hub.",
            request_schema=schemas.PULL_REQUEST,
            response_schema=schemas.PROGRESS,
        ),
        _route(
            "POST",
            "/api/push",
            push,
            "Refuses: no model is pushed to a hub.",
            request_schema=schemas.NAMED,
        ),
        _route(
            "POST",
            "/api/embed",
            embed,
            "Turns texts into vectors.",
            request_schema=schemas.EMBED_REQUEST,
            response_schema=schemas.EMBED_RESPONSE,
        ),
        _route(
            "GET",
            "/api/ps",
            list_running,
            "Lists the models that are in memory.",
            response_schema=schemas.RUNNING,
        ),
        _route(
            "POST",
            "/api/embeddings",
            embeddings,
            "Turns a text into a vector, as clients did before `/api/embed`.",
            request_schema=schemas.EMBEDDINGS_REQUEST,
            response_schema=schemas.EMBEDDINGS_RESPONSE,
        ),
        _route(
            "GET",
            "/api/version",
            get_version,
            "Tells the release of Ollama that is followed.",
            response_schema=schemas.VERSION,
        ),
    ),
    own_routes=(_route("GET", "/", get_root, "Tells that somebody is there.", open=True),),
)
