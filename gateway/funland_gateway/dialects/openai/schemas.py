"""JSON Schemas of OpenAI's bodies, as far as Funland reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.openai.completions import DEFAULT_MAX_TOKENS
from funland_gateway.dialects.openai.embeddings import ENCODINGS
from funland_gateway.dialects.openai.parameters import SAMPLING
from funland_gateway.dialects.sampling import sampling_schemas
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    array_of,
    described,
    nullable,
    object_with,
    one_of_values,
)

_TEXTS = any_of(STRING, array_of(STRING))
_FINISH_REASON = one_of_values("stop", "length")

_GENERATION: Mapping[str, JsonSchema] = {
    "model": described(STRING, "A model's id, alias or source; empty or absent: the default one."),
    "stream": described(BOOLEAN, "Answer with chunks as server-sent events.", default=False),
    "stream_options": object_with({"include_usage": BOOLEAN}),
    **sampling_schemas(SAMPLING),
}

_MESSAGE = object_with(
    {
        "role": one_of_values("system", "developer", "user", "assistant"),
        "content": any_of(
            STRING,
            array_of(
                object_with({"type": one_of_values("text"), "text": STRING}, ("type", "text"))
            ),
        ),
    },
    ("role", "content"),
)

_USAGE = object_with(
    {
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "total_tokens": INTEGER,
        "prompt_tokens_details": object_with({"cached_tokens": INTEGER}),
    }
)


def _completion_of(choice: JsonSchema) -> JsonSchema:
    return object_with(
        {
            "id": STRING,
            "object": STRING,
            "created": INTEGER,
            "model": STRING,
            "system_fingerprint": STRING,
            "choices": array_of(choice),
            "usage": _USAGE,
        }
    )


CHAT_REQUEST: Final = object_with(
    {**_GENERATION, "messages": array_of(_MESSAGE)},
    ("messages",),
)

CHAT_RESPONSE: Final = _completion_of(
    object_with(
        {
            "index": INTEGER,
            "message": object_with(
                {"role": STRING, "content": STRING, "refusal": nullable(STRING)}
            ),
            "logprobs": {"type": "null"},
            "finish_reason": _FINISH_REASON,
        }
    )
)

COMPLETION_REQUEST: Final = object_with(
    {
        **_GENERATION,
        "prompt": _TEXTS,
        "max_tokens": described(
            INTEGER, "Make at most this many tokens.", default=DEFAULT_MAX_TOKENS
        ),
    },
    ("prompt",),
)

COMPLETION_RESPONSE: Final = _completion_of(
    object_with(
        {
            "index": INTEGER,
            "text": STRING,
            "logprobs": {"type": "null"},
            "finish_reason": _FINISH_REASON,
        }
    )
)

EMBEDDING_REQUEST: Final = object_with(
    {
        "model": _GENERATION["model"],
        "input": _TEXTS,
        "encoding_format": {**one_of_values(*ENCODINGS), "default": "float"},
        "dimensions": described(INTEGER, "The model's own embedding length; no other works."),
    },
    ("input",),
)

EMBEDDING_RESPONSE: Final = object_with(
    {
        "object": STRING,
        "data": array_of(
            object_with(
                {"object": STRING, "index": INTEGER, "embedding": any_of(array_of(NUMBER), STRING)}
            )
        ),
        "model": STRING,
        "usage": object_with({"prompt_tokens": INTEGER, "total_tokens": INTEGER}),
    }
)

MODEL: Final = object_with({"id": STRING, "object": STRING, "created": INTEGER, "owned_by": STRING})

MODEL_LIST: Final = object_with({"object": STRING, "data": array_of(MODEL)})
