"""JSON Schemas of the bodies of `/v1/responses`, as far as Funland reads and writes them."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.openai.reasoning import THINKING_SCHEMAS
from funland_gateway.dialects.openai.responses_answer import STATES
from funland_gateway.dialects.openai.responses_request import LOGPROBS, RESPONSE_SAMPLING
from funland_gateway.dialects.openai.schemas import (
    LIKELIEST,
    METADATA,
    MODEL_NAME,
    SHOWN,
    list_of,
)
from funland_gateway.dialects.openai.tool_schemas import FLAT_TOOLS, WARNINGS
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

_OBJECT: Final = {"type": "object"}

_PARTS: Final = any_of(
    STRING,
    array_of(
        any_of(
            object_with(
                {"type": one_of_values("input_text", "output_text"), "text": STRING},
                ("type", "text"),
            ),
            described(
                object_with(
                    {
                        "type": one_of_values("input_image"),
                        "image_url": nullable(STRING),
                        "file_id": nullable(STRING),
                        "detail": nullable(STRING),
                    },
                    ("type",),
                ),
                "A picture, by a `data:` URL, a web address, or as a file that is kept.",
            ),
            SHOWN[1],
        )
    ),
)


def _call(kind: str, text: str) -> JsonSchema:
    return object_with(
        {
            "type": one_of_values(kind),
            "call_id": STRING,
            "namespace": STRING,
            "name": STRING,
            text: STRING,
        },
        ("type", "call_id", "name", text),
    )


_THOUGHTS: Final = array_of(
    object_with({"type": one_of_values("summary_text"), "text": STRING}, ("type", "text"))
)

_ITEM: Final = any_of(
    object_with(
        {
            "type": one_of_values("message"),
            "role": one_of_values("user", "assistant", "system", "developer"),
            "content": described(nullable(_PARTS), "Null or absent: role `assistant`."),
        },
        ("role",),
    ),
    _call("function_call", "arguments"),
    _call("custom_tool_call", "input"),
    object_with(
        {
            "type": one_of_values("function_call_output", "custom_tool_call_output"),
            "call_id": STRING,
            "output": _PARTS,
        },
        ("type", "call_id", "output"),
    ),
    object_with({"type": one_of_values("reasoning"), "summary": _THOUGHTS}, ("type", "summary")),
    object_with(
        {
            "type": one_of_values("mcp_call"),
            "id": STRING,
            "name": STRING,
            "arguments": STRING,
            "output": nullable(STRING),
            "error": nullable(_OBJECT),
        },
        ("type", "id", "name", "arguments"),
    ),
    object_with({"type": one_of_values("mcp_list_tools")}, ("type",)),
)

_INPUT: Final = described(
    any_of(STRING, {**array_of(_ITEM), "minItems": 1}),
    "What is new; the rest of the conversation comes with `previous_response_id`.",
)

_FORMAT: Final = object_with(
    {
        "type": one_of_values("text", "json_object", "json_schema"),
        "name": STRING,
        "schema": described(_OBJECT, "With `json_schema`: the schema."),
        "strict": BOOLEAN,
    },
    ("type",),
)

_REQUEST: Final = {
    "model": MODEL_NAME,
    "input": _INPUT,
    "instructions": described(STRING, "What the model is told first, for this answer alone."),
    "store": described(BOOLEAN, "Keep question and answer.", default=True),
    "background": described(
        BOOLEAN, "Answer at once that it is queued; write it in the background.", default=False
    ),
    "stream": described(BOOLEAN, "Answer with server-sent events.", default=False),
    "tools": FLAT_TOOLS,
    "tool_choice": any_of(one_of_values("none", "auto", "required"), _OBJECT),
    "parallel_tool_calls": BOOLEAN,
    "truncation": described(
        one_of_values("disabled", "auto"),
        "`auto`: leave out the oldest messages if the context has no room for all.",
    ),
    "text": object_with({"format": _FORMAT}),
    "reasoning": object_with({"effort": described(STRING, "`none`: the model doesn't think.")}),
    **THINKING_SCHEMAS,
    "include": array_of(described(STRING, f"Of those there are, `{LOGPROBS}` counts.")),
    "top_logprobs": LIKELIEST,
    "metadata": METADATA,
    "service_tier": described(STRING, "`flex`: after all others; `priority`: before them."),
    **sampling_schemas(RESPONSE_SAMPLING),
}

RESPONSE_REQUEST: Final = body_with(
    {**_REQUEST, "previous_response_id": {**STRING, "maxLength": 128}}, ("input",)
)

TOKENS_REQUEST: Final = body_with(_REQUEST, ("input",))

_USAGE: Final = object_with(
    {
        "input_tokens": INTEGER,
        "input_tokens_details": object_with({"cached_tokens": INTEGER}),
        "output_tokens": INTEGER,
        "output_tokens_details": object_with({"reasoning_tokens": INTEGER}),
        "total_tokens": INTEGER,
    }
)

RESPONSE: Final = object_with(
    {
        "id": STRING,
        "object": STRING,
        "created_at": INTEGER,
        "status": one_of_values(*STATES.values()),
        "background": BOOLEAN,
        "model": STRING,
        "output": described(array_of(_OBJECT), "Items: `reasoning`, `message`, calls."),
        "previous_response_id": nullable(STRING),
        "instructions": nullable(STRING),
        "incomplete_details": nullable(object_with({"reason": STRING})),
        "error": nullable(object_with({"code": STRING, "message": STRING})),
        "usage": nullable(_USAGE),
        "metadata": METADATA,
        "warnings": WARNINGS,
    }
)

ITEM_LIST: Final = list_of(_OBJECT)

INPUT_TOKENS: Final = object_with({"object": STRING, "input_tokens": INTEGER})

NOTHING: Final = object_with({})
