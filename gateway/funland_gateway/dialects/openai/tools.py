"""The functions that a model may call: `tools`, and `functions`, as OpenAI first called them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import orjson

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import ToolChoice
from funland_gateway.dialects.reading import (
    JsonObject,
    invalid,
    malformed,
    missing,
    unsupported,
)

_MODES: Final = {
    "none": ToolChoice.NONE,
    "auto": ToolChoice.AUTO,
    "required": ToolChoice.REQUIRED,
}


@dataclass(frozen=True, slots=True)
class Tools:
    """What a request says about functions."""

    tools: list[inference_pb2.Tool] = field(default_factory=list[inference_pb2.Tool])
    choice: ToolChoice | None = None
    parallel: bool | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])
    """What the request calls the contract's fields."""
    legacy: bool = False
    """Whether the answer is to have a `function_call`, not `tool_calls`."""


def read_tools(body: JsonObject) -> Tools:
    """Reads `tools` and `tool_choice`, or `functions` and `function_call`."""
    if body.raw("functions"):
        if body.raw("tools"):
            raise invalid(body.path_of("functions"), "can't be given together with tools")
        return _functions(body)
    choice, allowed = _tool_choice(body)
    if not body.raw("tools"):
        # There is nothing to choose from, which changes nothing but if a call must be made.
        must = choice is not None and choice.mode == ToolChoice.REQUIRED
        return Tools(choice=choice if must else None, names=_names([], "tool_choice"))
    given = [(tool.path_of("function"), _tool(tool)) for tool in body.objects("tools")]
    if allowed is not None:
        if unknown := allowed - {tool.name for _, tool in given}:
            names = ", ".join(sorted(unknown))[:256]
            raise invalid(body.path_of("tool_choice"), f"names what is not in tools: {names}")
        given = [(path, tool) for path, tool in given if tool.name in allowed]
    return Tools(
        tools=[tool for _, tool in given],
        choice=choice,
        parallel=body.boolean("parallel_tool_calls"),
        names=_names([path for path, _ in given], "tool_choice"),
    )


def function(described: JsonObject) -> inference_pb2.Tool:
    """A function's name, description and parameters."""
    parameters = described.raw("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise malformed(described.path_of("parameters"), "a JSON Schema")
    return inference_pb2.Tool(
        name=described.string("name"),
        description=described.optional_string("description"),
        parameters="" if parameters is None else orjson.dumps(parameters).decode(),
    )


def choice_mode(body: JsonObject, name: str) -> ToolChoice | None:
    """A choice that is one word; None if the field is absent or has more to say."""
    value = body.raw(name)
    if not isinstance(value, str):
        return None
    if value not in _MODES:
        raise invalid(body.path_of(name), f"must be one of {', '.join(_MODES)}, or an object")
    return ToolChoice(mode=_MODES[value])


def _tool(tool: JsonObject) -> inference_pb2.Tool:
    kind = tool.string("type")
    if kind != "function":
        raise unsupported(tool.path_of("type"), f"only functions are supported, not {kind[:64]!r}.")
    described = tool.object("function")
    if described is None:
        raise missing(tool.path_of("function"))
    return function(described)


def _tool_choice(body: JsonObject) -> tuple[ToolChoice | None, set[str] | None]:
    """The choice, and the names of the functions that it leaves; None: all."""
    word = choice_mode(body, "tool_choice")
    if word is not None or body.raw("tool_choice") is None:
        return word, None
    wanted = JsonObject.read(body.raw("tool_choice"), body.path_of("tool_choice"))
    kind = wanted.string("type")
    if kind == "function":
        return _named(wanted, "function"), None
    if kind == "allowed_tools":
        inner = wanted.object("allowed_tools") or wanted
        return choice_mode(inner, "mode"), {_tool(tool).name for tool in inner.objects("tools")}
    raise unsupported(wanted.path_of("type"), f"only functions are supported, not {kind[:64]!r}.")


def _named(wanted: JsonObject, name: str) -> ToolChoice:
    described = wanted.object(name)
    if described is None:
        raise missing(wanted.path_of(name))
    return ToolChoice(mode=ToolChoice.REQUIRED, name=described.string("name"))


def _functions(body: JsonObject) -> Tools:
    given = body.objects("functions")
    choice = choice_mode(body, "function_call")
    if choice is None and body.raw("function_call") is not None:
        choice = _named(body, "function_call")
    paths = [f"{body.path_of('functions')}[{index}]" for index in range(len(given))]
    return Tools(
        tools=[function(described) for described in given],
        choice=choice,
        parallel=False,  # the answer has room for one
        names=_names(paths, "function_call"),
        legacy=True,
    )


def _names(paths: list[str], choice: str) -> dict[str, str]:
    names = {f"tools[{index}]": path for index, path in enumerate(paths)}
    chosen = ("tool_choice", "tool_choice.mode", "tool_choice.name")
    return names | dict.fromkeys(chosen, choice)
