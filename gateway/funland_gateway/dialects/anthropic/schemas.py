"""JSON Schemas of Anthropic's bodies, as far as Funland reads and writes them."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.anthropic.answers import STOP_REASONS
from funland_gateway.dialects.anthropic.messages import ROLES
from funland_gateway.dialects.anthropic.request import SAMPLING, THINKING
from funland_gateway.dialects.anthropic.tools import CHOICES
from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.sampling import sampling_schemas
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    STRING,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_OBJECT: JsonSchema = {"type": "object"}
_BLOCK: JsonSchema = object_with({"type": STRING}, ("type",))
_CONTENT: JsonSchema = any_of(STRING, array_of(_BLOCK))

_ASKED: dict[str, JsonSchema] = {
    "model": described(
        {**STRING, "maxLength": 256},
        "A model's id, alias or source; empty or absent: the default one.",
    ),
    "system": described(_CONTENT, "Instructions for the whole conversation."),
    "messages": {
        **array_of(
            object_with({"role": one_of_values(*ROLES), "content": _CONTENT}, ("role", "content"))
        ),
        "minItems": 1,
    },
    "tools": array_of(
        object_with(
            {"name": STRING, "description": STRING, "input_schema": _OBJECT},
            ("name", "input_schema"),
        )
    ),
    "tool_choice": object_with(
        {
            "type": one_of_values(*CHOICES),
            "name": STRING,
            "disable_parallel_tool_use": nullable(BOOLEAN),
        },
        ("type",),
    ),
    "thinking": described(
        object_with(
            {"type": one_of_values(*THINKING), "display": nullable(STRING)},
            ("type",),
        ),
        "Whether a model that can think before it answers does; absent: no.",
    ),
    "output_config": object_with(
        {
            "effort": nullable(STRING),
            "format": nullable(
                object_with(
                    {"type": one_of_values("json_schema"), "schema": _OBJECT}, ("type", "schema")
                )
            ),
        }
    ),
}

_SAMPLING = sampling_schemas(SAMPLING)

MESSAGE_REQUEST: Final = body_with(
    {
        **_ASKED,
        **_SAMPLING,
        "stream": described(BOOLEAN, "Answer with server-sent events.", default=False),
    },
    ("messages", "max_tokens"),
)

COUNT_REQUEST: Final = body_with(_ASKED, ("messages",))

COUNT: Final = object_with({"input_tokens": INTEGER}, ("input_tokens",))

_USAGE = object_with(
    {
        "input_tokens": described(INTEGER, "Those of the prompt that the cache did not have."),
        "cache_creation_input_tokens": INTEGER,
        "cache_read_input_tokens": described(INTEGER, "Those that it had."),
        "output_tokens": INTEGER,
        "output_tokens_details": object_with({"thinking_tokens": INTEGER}),
    },
    ("input_tokens", "output_tokens"),
)

MESSAGE: Final = object_with(
    {
        "id": STRING,
        "type": one_of_values("message"),
        "role": one_of_values("assistant"),
        "model": STRING,
        "content": array_of(_BLOCK),
        "stop_reason": nullable(one_of_values(*STOP_REASONS)),
        "stop_sequence": nullable(STRING),
        "usage": _USAGE,
    },
    ("id", "type", "role", "model", "content", "usage"),
)
