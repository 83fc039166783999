"""The functions that a model may call, as OpenAI has them now and had them first."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from structlog.testing import capture_logs

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Tool, ToolChoice
from funland_gateway.dialects.openai.callees import Callee
from funland_gateway.dialects.openai.offers import log
from funland_gateway.dialects.openai.tool_schemas import FLAT_TOOLS
from funland_gateway.dialects.openai.tool_schemas import TOOLS as TOOLS_SCHEMA
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
    ({"tools": {}}, "tools"),
    ({"tools": False}, "tools"),
    ({"functions": {}}, "functions"),
    ({"functions": ""}, "functions"),
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
    ({"tools": TOOLS, "tool_choice": allowed("auto", "ghost")}, "tool_choice.allowed_tools.tools"),
    ({"tools": TOOLS, "parallel_tool_calls": 1}, "parallel_tool_calls"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]


HOSTED = (
    "web_search", "web_search_preview", "image_generation", "local_shell", "shell", "apply_patch",
    "mcp", "code_interpreter", "file_search", "computer_use_preview", "tool_search", "x" * 200,
)  # fmt: skip
FLAT = {"type": "function", "name": "shell", "description": "Runs it.", "parameters": PARAMETERS}
SPACE = {"type": "namespace", "name": "mcp", "description": "More.", "tools": [FLAT]}
PATCH = {"type": "custom", "name": "patch", "description": "Changes files."}


def flat(**body: Any) -> Tools:
    """Reads tools as responses have them."""
    return read_tools(JsonObject(body), nested=False)


@pytest.mark.parametrize("kind", HOSTED)
@pytest.mark.parametrize("read_them", [read, flat])
def test_an_offer_that_can_not_be_had_is_left_out_and_told(kind: str, read_them: Any) -> None:
    served = FLAT if read_them is flat else TOOLS[0]

    found = read_them(tools=[{"type": kind, "name": "x"}, served])

    assert len(found.tools) == 1
    assert found.names["tools[0]"].startswith("tools[1]")
    (warned,) = found.warnings
    assert warned.param == "tools[0]"
    assert repr(kind[:64]) in warned.message
    assert "x" * 65 not in warned.message


def test_what_was_left_out_is_logged_by_its_kind_alone() -> None:
    found = read(tools=[{"type": kind, "secret": "12345"} for kind in ("mcp", "y" * 99, "mcp")])

    with capture_logs() as lines:
        log(found.warnings)
        log(())

    assert lines == [{"event": "tools_left_out", "log_level": "info", "kinds": ["mcp", "y" * 64]}]


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_without_a_tool_that_can_be_had_there_are_no_calls(choice: Any) -> None:
    found = read(tools=[{"type": "web_search"}], tool_choice=choice)

    assert (found.tools, found.choice) == ([], None)


def test_who_allows_no_tool_is_not_told_of_those_that_can_not_be_had() -> None:
    none: dict[str, Any] = {"type": "allowed_tools", "mode": "required", "tools": []}

    found = flat(tools=[{"type": "web_search"}, {"type": "custom", "name": "f"}], tool_choice=none)

    # The contract refuses it, and says that there are no tools.
    assert (found.tools, found.choice) == ([], ToolChoice(mode=ToolChoice.REQUIRED))


DEMANDS: list[tuple[Any, str]] = [
    ("required", "tool_choice"),
    ({"type": "web_search"}, "tool_choice.type"),
    ({"type": "mcp", "server_label": "x"}, "tool_choice.type"),
    (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
        "tool_choice.tools[0].type",
    ),
]


@pytest.mark.parametrize(("choice", "parameter"), DEMANDS)
@pytest.mark.parametrize("read_them", [read, flat])
def test_a_demand_that_can_not_be_had_is_refused_by_name(
    choice: Any, parameter: str, read_them: Any
) -> None:
    with pytest.raises(CallFailed) as raised:
        read_them(tools=[{"type": "web_search"}, {"type": "mcp"}], tool_choice=choice)

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter
    assert any(kind in raised.value.error.message for kind in ("web_search", "mcp"))


def test_a_namespace_is_its_functions() -> None:
    found = flat(tools=[FLAT, SPACE])

    assert [(tool.namespace, tool.name) for tool in found.tools] == [
        ("", "shell"),
        ("mcp", "mcp__shell"),
    ]
    assert found.names["tools[1]"] == "tools[1].tools[0]"
    assert found.names["tools[1].namespace"] == "tools[1].name"
    assert found.callees == {"mcp__shell": Callee("shell", "mcp")}
    assert not found.warnings


def test_chats_take_namespaces_too_with_functions_of_either_shape() -> None:
    space = {**SPACE, "tools": [TOOLS[0], FLAT]}

    found = read(tools=[space, {"type": "namespace", "namespace": {**SPACE, "name": "b"}}])

    assert [tool.name for tool in found.tools] == ["mcp__weather", "mcp__shell", "b__shell"]
    assert found.names["tools[0]"] == "tools[0].tools[0].function"
    assert found.names["tools[2]"] == "tools[1].namespace.tools[0]"


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    wire = Tool(name="patch", description="Changes files.", free_form=True)

    assert flat(tools=[PATCH]).tools == [wire]
    assert read(tools=[{"type": "custom", "custom": PATCH}]).tools == [wire]
    assert flat(tools=[PATCH], tool_choice={"type": "custom", "name": "patch"}).choice == (
        ToolChoice(mode=ToolChoice.REQUIRED, name="patch")
    )


@pytest.mark.parametrize("form", [None, {"type": "text"}])
def test_a_custom_tool_may_take_any_text(form: Any) -> None:
    assert not flat(tools=[{**PATCH, "format": form}]).warnings


def test_a_format_that_is_not_held_to_is_told() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}

    (warned,) = flat(tools=[{**PATCH, "format": form}]).warnings
    (nested,) = read(tools=[{"type": "custom", "custom": {**PATCH, "format": form}}]).warnings

    assert (warned.param, nested.param) == ("tools[0].format", "tools[0].custom.format")


@pytest.mark.parametrize("parameters", [{}, {"parameters": None}, {"parameters": {}}])
@pytest.mark.parametrize("strict", [{}, {"strict": None}, {"strict": True}, {"strict": False}])
def test_a_function_may_have_no_parameters(
    parameters: dict[str, Any], strict: dict[str, Any]
) -> None:
    described = {"name": "clock", **parameters, **strict}

    (nested,) = read(tools=[{"type": "function", "function": described}]).tools
    (beside,) = flat(tools=[{"type": "function", **described}]).tools

    assert nested == beside
    assert nested.parameters in ("", "{}")


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ({"name": "shell"}, "shell"),  # the one without a namespace
        ({"name": "shell", "namespace": "mcp"}, "mcp__shell"),
        ({"name": "list"}, "mcp__list"),  # there is but one
        ({"name": "ghost"}, "ghost"),  # the server refuses it
    ],
)
def test_a_function_is_chosen_by_the_name_that_its_caller_knows(
    choice: dict[str, str], name: str
) -> None:
    space = {**SPACE, "tools": [FLAT, {"type": "function", "name": "list"}]}

    found = flat(tools=[FLAT, space], tool_choice={"type": "function", **choice})

    assert found.choice == ToolChoice(mode=ToolChoice.REQUIRED, name=name)


def test_a_name_in_several_namespaces_is_not_enough() -> None:
    with pytest.raises(CallFailed) as raised:
        flat(
            tools=[SPACE, {**SPACE, "name": "other"}],
            tool_choice={"type": "function", "name": "shell"},
        )

    assert raised.value.error.field_violations[0].field == "tool_choice.name"


def test_a_whole_namespace_may_be_allowed() -> None:
    allowed = {
        "type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "mcp"}],
    }  # fmt: skip

    assert [tool.name for tool in flat(tools=[FLAT, SPACE], tool_choice=allowed).tools] == [
        "mcp__shell"
    ]


def test_the_model_is_told_the_same_names_whatever_stands_beside_them() -> None:
    alone, among = flat(tools=[SPACE]), flat(tools=[PATCH, FLAT, SPACE])

    assert alone.told_name("mcp", "shell") == among.told_name("mcp", "shell") == "mcp__shell"
    assert flat().told_name("mcp", "shell") == "mcp__shell"


DESCRIBED: list[tuple[Any, list[dict[str, Any]]]] = [
    (TOOLS_SCHEMA, [*TOOLS, SPACE, {"type": "custom", "custom": PATCH}, {"type": "mcp"}]),
    (FLAT_TOOLS, [FLAT, SPACE, PATCH, {"type": "web_search"}]),
]


@pytest.mark.parametrize(("schema", "tools"), DESCRIBED)
def test_what_is_read_is_what_the_schema_allows(schema: Any, tools: list[dict[str, Any]]) -> None:
    validator: Any = Draft202012Validator(schema)
    validator.validate(tools)
    for kind in ("function", "custom", "namespace"):
        assert not validator.is_valid([{"type": kind}])
