"""What the rest of the server needs of an MCP server, whoever speaks its protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server tells it: none of it is checked."""

    name: str
    description: str
    input_schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call."""

    text: str
    """What the model is told."""
    is_failure: bool = False


class ConnectionLostError(Exception):
    """The server ended, can't be reached, or says what is not MCP. The message says how."""


class ToolFailedError(Exception):
    """The server answers, and refuses the call. The message says how."""


class Connection(Protocol):
    """A server that answers. All raise ConnectionLostError, and TimeoutError if it takes too
    long."""

    def tools(self) -> AsyncIterator[ListedTool]:
        """All that it offers; without end, if the server is hostile."""
        ...

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        """Calls a tool; raises ToolFailedError too."""
        ...


Connect = Callable[[Callable[[], None]], AbstractAsyncContextManager[Connection]]
"""Reaches a server. The function that it is given is called when the server's tools change."""
