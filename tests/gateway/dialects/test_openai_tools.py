"""The functions that a model may call, as OpenAI has them now and had them first."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Tool, ToolChoice
from funland_gateway.dialects.openai.tools import Tools, read_tools
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS, "strict": True}
CLOCK = {"name": "clock"}
TOOLS = [{"type": "function", "function": each} for each in (WEATHER, CLOCK)]
WIRE = [
    Tool(
        name="weather",
        description="Tells it.",
        parameters='{"type":"object","properties":{"city":{"type":"string"}}}',
    ),
    Tool(name="clock"),
]


def read(**body: Any) -> Tools:
    return read_tools(JsonObject(body))


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def test_tools_are_read_with_their_schemas_as_text() -> None:
    found = read(tools=TOOLS, parallel_tool_calls=False)

    assert found.tools == WIRE
    assert found.parallel is False
    assert not found.legacy


def test_functions_are_tools_of_which_one_may_be_called() -> None:
    found = read(functions=[WEATHER, CLOCK])

    assert found.tools == WIRE
    assert found.parallel is False
    assert found.legacy
    assert found.names["tools[1]"] == "functions[1]"


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        ("none", ToolChoice(mode=ToolChoice.NONE)),
        ("auto", ToolChoice(mode=ToolChoice.AUTO)),
        ("required", ToolChoice(mode=ToolChoice.REQUIRED)),
        (
            {"type": "function", "function": {"name": "clock"}},
            ToolChoice(mode=ToolChoice.REQUIRED, name="clock"),
        ),
        (allowed("required", "clock"), ToolChoice(mode=ToolChoice.REQUIRED)),
        (allowed("auto", "clock"), ToolChoice(mode=ToolChoice.AUTO)),
    ],
)
def test_a_choice_becomes_the_contracts(choice: Any, wire: ToolChoice | None) -> None:
    assert read(tools=TOOLS, tool_choice=choice).choice == wire


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        ("none", ToolChoice(mode=ToolChoice.NONE)),
        ("auto", ToolChoice(mode=ToolChoice.AUTO)),
        ({"name": "clock"}, ToolChoice(mode=ToolChoice.REQUIRED, name="clock")),
    ],
)
def test_a_function_call_is_a_choice(choice: Any, wire: ToolChoice | None) -> None:
    assert read(functions=[CLOCK], function_call=choice).choice == wire


def test_allowed_tools_are_those_that_are_told() -> None:
    found = read(tools=TOOLS, tool_choice=allowed("auto", "clock"))

    assert found.tools == WIRE[1:]
    assert found.names["tools[0]"] == "tools[1].function"


def test_without_tools_only_a_must_is_kept() -> None:
    assert read(tool_choice="auto").choice is None
    assert read(tool_choice="required").choice == ToolChoice(mode=ToolChoice.REQUIRED)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"tools": "all"}, "tools"),
    ({"tools": [1]}, "tools[0]"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    (
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": "x"}}]},
        "tools[0].function.parameters",
    ),
    ({"tools": TOOLS, "functions": [CLOCK]}, "functions"),
    ({"functions": [{}]}, "functions[0].name"),
    ({"functions": [CLOCK], "function_call": {}}, "function_call.name"),
    ({"tools": TOOLS, "tool_choice": "perhaps"}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": 1}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"tools": TOOLS, "tool_choice": allowed("auto", "ghost")}, "tool_choice"),
    ({"tools": TOOLS, "parallel_tool_calls": 1}, "parallel_tool_calls"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": TOOLS, "tool_choice": {"type": "custom"}}, "tool_choice.type"),
    ],
)
def test_other_tools_than_functions_are_refused(body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter
