"""JSON Schemas of tools and calls, as chat completions and as responses have them."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    STRING,
    any_of,
    array_of,
    described,
    nullable,
    object_with,
    one_of_values,
)

_OBJECT: Final[JsonSchema] = {"type": "object"}

_FUNCTION_FIELDS: Final = {
    "name": STRING,
    "description": nullable(STRING),
    "parameters": described(nullable(_OBJECT), "A JSON Schema; null or absent: none."),
    "strict": nullable(BOOLEAN),
}
_CUSTOM_FIELDS: Final = {
    "name": STRING,
    "description": nullable(STRING),
    "format": described(_OBJECT, "Passed over, unless it is `text`."),
}

FUNCTION: Final = object_with(_FUNCTION_FIELDS, ("name",))
CALL: Final = object_with({"name": STRING, "arguments": STRING}, ("name",))
NAMED: Final = object_with({"name": STRING}, ("name",))

_FLAT: Final = (
    object_with({"type": one_of_values("function"), **_FUNCTION_FIELDS}, ("type", "name")),
    object_with({"type": one_of_values("custom"), **_CUSTOM_FIELDS}, ("type", "name")),
)
_NAMESPACE: Final = object_with(
    {
        "type": one_of_values("namespace"),
        "name": STRING,
        "description": STRING,
        "tools": array_of(any_of(*_FLAT)),
    },
    ("type", "name", "tools"),
)
_MCP: Final = object_with(
    {
        "type": one_of_values("mcp"),
        "server_label": described(STRING, "A server of the settings; without it: left out."),
        "require_approval": described(one_of_values("never"), "With a label it must be there."),
    },
    ("type",),
)
_SERVED: Final = one_of_values("function", "custom", "namespace")
_HOSTED: Final = described(
    object_with({"type": {**STRING, "not": _SERVED}}, ("type",)),
    "Any other: left out, and told in `warnings`.",
)

FLAT_TOOLS: Final = array_of(any_of(*_FLAT, _NAMESPACE, _MCP, _HOSTED))

TOOLS: Final = array_of(
    any_of(
        object_with(
            {"type": one_of_values("function"), "function": FUNCTION}, ("type", "function")
        ),
        object_with(
            {"type": one_of_values("custom"), "custom": object_with(_CUSTOM_FIELDS, ("name",))},
            ("type", "custom"),
        ),
        _NAMESPACE,
        _HOSTED,
    )
)

TOOL_CHOICE: Final = any_of(
    one_of_values("none", "auto", "required"),
    object_with({"type": one_of_values("function"), "function": NAMED}, ("type", "function")),
    object_with({"type": one_of_values("custom"), "custom": NAMED}, ("type", "custom")),
    object_with(
        {"type": one_of_values("allowed_tools"), "allowed_tools": _OBJECT},
        ("type", "allowed_tools"),
    ),
)

TOOL_CALL: Final = object_with(
    {
        "id": STRING,
        "type": one_of_values("function", "custom"),
        "namespace": described(STRING, "That of the function, if it has one."),
        "function": CALL,
        "custom": object_with({"name": STRING, "input": STRING}, ("name", "input")),
    }
)

WARNINGS: Final = described(
    array_of(object_with({"param": STRING, "message": STRING})),
    "What of the offered tools was left out; absent if nothing was.",
)
