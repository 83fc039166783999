"""The functions that a model may call: Anthropic's `tools` and `tool_choice`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import orjson

from funland.v1.inference_pb2 import Tool, ToolChoice
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported

_MODES: Final = {
    "auto": ToolChoice.AUTO,
    "any": ToolChoice.REQUIRED,
    "tool": ToolChoice.REQUIRED,
    "none": ToolChoice.NONE,
}
CHOICES: Final = tuple(_MODES)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a request says about functions."""

    tools: list[Tool] = field(default_factory=list[Tool])
    choice: ToolChoice | None = None
    parallel: bool | None = None


NAMES: Final = {"parallel_tool_calls": "tool_choice.disable_parallel_tool_use"}
"""What a request calls the contract's fields; those of its tools are below."""

PARAMETERS: Final = "input_schema"
"""What a request calls `Tool.parameters`."""


def read_tools(body: JsonObject) -> Tools:
    """Reads `tools` and `tool_choice`."""
    if not body.raw("tools"):
        return Tools()
    tools = [_tool(tool) for tool in body.objects("tools")]
    chosen = body.object("tool_choice")
    if chosen is None:
        return Tools(tools)
    kind = chosen.string("type")
    if kind not in _MODES:
        raise invalid(chosen.path_of("type"), f"must be one of {', '.join(_MODES)}")
    name = chosen.string("name") if kind == "tool" else ""
    single = chosen.boolean("disable_parallel_tool_use")
    return Tools(
        tools, ToolChoice(mode=_MODES[kind], name=name), None if single is None else not single
    )


def _tool(tool: JsonObject) -> Tool:
    kind = tool.optional_string("type") or "custom"
    if kind != "custom":
        problem = (
            f"tools of type {kind[:64]!r} are not served: describe it with {PARAMETERS}, and"
            " without a type."
        )
        raise unsupported(tool.path_of("type"), problem)
    schema = tool.raw(PARAMETERS)
    if schema is None:
        raise missing(tool.path_of(PARAMETERS))
    if not isinstance(schema, dict):
        raise malformed(tool.path_of(PARAMETERS), "an object")
    return Tool(
        name=tool.string("name"),
        description=tool.optional_string("description"),
        parameters=orjson.dumps(schema).decode(),
    )
