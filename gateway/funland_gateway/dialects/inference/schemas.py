"""JSON Schemas of the `inference` dialect's bodies."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.inference.generation import DEFAULT_MAX_TOKENS
from funland_gateway.dialects.prompts import PROMPT_SCHEMAS
from funland_gateway.dialects.sampling import EVERY_PARAMETER, sampling_schemas
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_SAMPLING = sampling_schemas(EVERY_PARAMETER)

_PROMPT = {
    **PROMPT_SCHEMAS,
    "model": described(
        {**STRING, "maxLength": 256},
        "A model's id, alias or source, or `default`.",
        default="default",
    ),
    **_SAMPLING,
    "max_tokens": {**_SAMPLING["max_tokens"], "default": DEFAULT_MAX_TOKENS},
}

_THINKING = described(STRING, "What the model thought before its answer, if it is one that tells.")

_RESULT = object_with(
    {
        "text": STRING,
        "thinking": _THINKING,
        "usage": object_with(
            {"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "total_tokens": INTEGER}
        ),
        "latency": described(NUMBER, "Seconds from the call's arrival at the model to its end."),
        "finish_reason": one_of_values("stop", "length"),
    }
)

_ERROR = object_with(
    {"error": object_with({"code": STRING, "message": STRING, "details": STRING})}, ("error",)
)

GENERATE_REQUEST: Final = body_with(
    {
        **_PROMPT,
        "stream": described(BOOLEAN, "Answer as `generate/stream` does.", default=False),
    },
    ("prompt",),
)

GENERATE_RESPONSE: Final = _RESULT

STREAM_REQUEST: Final = body_with(_PROMPT, ("prompt",))

STREAM_EVENT: Final = object_with(
    {"token": STRING, "thinking": _THINKING, "finished": BOOLEAN}, ("finished",)
)

BATCH_REQUEST: Final = body_with(
    {"requests": {**array_of(STREAM_REQUEST), "minItems": 1, "maxItems": 256}}, ("requests",)
)

BATCH_RESPONSE: Final = object_with({"results": array_of(any_of(_RESULT, _ERROR))})

MODEL: Final = object_with(
    {
        "name": STRING,
        "format": STRING,
        "size": STRING,
        "loaded": BOOLEAN,
        "memory_usage": nullable(STRING),
        "quantization": STRING,
    }
)

MODEL_LIST: Final = object_with({"models": array_of(MODEL)})

LOAD_REQUEST: Final = body_with(
    {
        "quantization": described(STRING, "The one that the model has; another fails."),
        "prefer_gpu": described(
            BOOLEAN, "False: the CPU alone. Else the server chooses, and takes a GPU if it can."
        ),
    }
)

HEALTH: Final = object_with(
    {
        "status": one_of_values("healthy", "stopping"),
        "model_loaded": described(
            nullable(BOOLEAN), "Null, as all but `status`: who asks is not known."
        ),
        "memory_usage": described(
            nullable(STRING), "The machine's memory, used and in all: `2.1GB/8GB`."
        ),
        "active_connections": described(nullable(INTEGER), "The calls that are answered now."),
    }
)
