"""The tools of one chat: what the model is told of, and who is called for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from funland.v1.inference_pb2 import Tool, ToolCall
from funland_server.mcp.held import HeldServer
from funland_server.mcp.naming import OfferedTool
from funland_server.mcp.server import Outcome

NOTHING_ELSE: Final = "the arguments are not a JSON object."


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Those of the servers that a chat names, by the names that its model is told."""

    tools: Mapping[str, OfferedTool]
    servers: Mapping[str, HeldServer]

    def __contains__(self, name: str) -> bool:
        """Whether a call of this name is made by the server."""
        return name in self.tools

    def told(self) -> list[Tool]:
        """As the model is told of them."""
        return [
            Tool(name=name, description=tool.description, parameters=tool.parameters)
            for name, tool in self.tools.items()
        ]

    async def call(self, call: ToolCall) -> Outcome:
        """What came of a call; never raises, but when it is cancelled."""
        tool = self.tools[call.name]
        arguments = _arguments(call.arguments)
        if arguments is None:
            return Outcome(f"Error: {NOTHING_ELSE}", is_failure=True)
        return await self.servers[tool.server].call(tool.name, arguments)


def usable(tools: Sequence[OfferedTool]) -> list[OfferedTool]:
    """Those that a model can be told of."""
    return [tool for tool in tools if not tool.left_out]


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        arguments: Any = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else None
