"""The `inference` dialect's table, as its document lists its endpoints.

The document's rate limit headers are left out: there are no limits yet that they could tell.
"""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.inference import schemas
from funland_gateway.dialects.inference.errors import ENVELOPE
from funland_gateway.dialects.inference.generation import (
    generate,
    generate_batch,
    generate_stream,
)
from funland_gateway.dialects.inference.models import list_models, load_model
from funland_gateway.dialects.inference.system import get_health, get_metrics

_TAG: Final = "inference"


def _health(path: str) -> Route:
    return Route(
        "GET",
        path,
        get_health,
        "Tells how the server is.",
        _TAG,
        response_schema=schemas.HEALTH,
        open=True,
    )


def _metrics(path: str) -> Route:
    return Route("GET", path, get_metrics, "Gives metrics in Prometheus' text format.", _TAG)


INFERENCE: Final = Dialect(
    name=_TAG,
    prefixes=("/api/v1/",),
    envelope=ENVELOPE,
    routes=(
        _health("/health"),
        _health("/api/v1/health"),
        Route(
            "POST",
            "/api/v1/generate",
            generate,
            "Answers a prompt.",
            _TAG,
            schemas.GENERATE_REQUEST,
            schemas.GENERATE_RESPONSE,
            streams=True,
        ),
        Route(
            "POST",
            "/api/v1/generate/stream",
            generate_stream,
            "Answers a prompt; sends the text as it comes.",
            _TAG,
            schemas.STREAM_REQUEST,
            schemas.STREAM_EVENT,
            streams=True,
        ),
        Route(
            "GET",
            "/api/v1/models",
            list_models,
            "Lists the installed models.",
            _TAG,
            response_schema=schemas.MODEL_LIST,
        ),
        Route(
            "POST",
            "/api/v1/models/{model_name}/load",
            load_model,
            "Loads a model; answers when it is ready.",
            _TAG,
            schemas.LOAD_REQUEST,
            schemas.MODEL,
        ),
        _metrics("/api/v1/metrics"),
        _metrics("/metrics"),
        Route(
            "POST",
            "/api/v1/batch/generate",
            generate_batch,
            "Answers several prompts at once.",
            _TAG,
            schemas.BATCH_REQUEST,
            schemas.BATCH_RESPONSE,
        ),
    ),
)
