"""What can go wrong with MCP servers.

NotFoundError
└── McpServerNotFoundError          MCP_SERVER_NOT_FOUND
UnavailableError
└── McpServerUnavailableError       MCP_SERVER_UNAVAILABLE

A tool that fails is none of these: the model is told, and the chat goes on.
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import NotFoundError, UnavailableError


class McpServerNotFoundError(NotFoundError):
    """The settings have no MCP server of that name, or it is not for this caller."""

    reason = ErrorReason.MCP_SERVER_NOT_FOUND

    def __init__(self, server: str, known: list[str]) -> None:
        there = f"There are: {', '.join(known)}." if known else "There is none."
        super().__init__(
            f"The settings have no MCP server {server!r}. {there} They stand in the settings file,"
            " as tables [mcp.servers.NAME].",
            server=server,
        )


class McpServerUnavailableError(UnavailableError):
    """An MCP server can't be reached."""

    reason = ErrorReason.MCP_SERVER_UNAVAILABLE

    def __init__(self, server: str, why: str) -> None:
        super().__init__(f"MCP server {server!r} can't be used: {why}", server=server)
