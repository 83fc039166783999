"""`funland.v1.McpService`: the wire on one side, the MCP servers of the settings on the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from funland.v1 import mcp_pb2
from funland.v1.mcp_pb2 import McpServer, McpTool
from funland_server.mcp.errors import McpServerNotFoundError, McpServerUnavailableError
from funland_server.mcp.held import HeldServer


class McpService:
    """Answers the RPCs of `McpService`; see `mcp.proto`."""

    def __init__(self, visible: Callable[[], Sequence[HeldServer]]) -> None:
        """`visible` gives the servers that the caller may use."""
        self._visible = visible

    async def ListMcpServers(
        self, request: mcp_pb2.ListMcpServersRequest
    ) -> mcp_pb2.ListMcpServersResponse:
        """See `mcp.proto`."""
        visible = self._visible()
        servers = [one for one in visible if request.name in ("", one.name)]
        if request.name and not servers:
            raise McpServerNotFoundError(request.name, [one.name for one in visible])
        if request.connect:
            await asyncio.gather(*(_tried(one) for one in servers))
        return mcp_pb2.ListMcpServersResponse(servers=map(to_wire, servers))


async def _tried(server: HeldServer) -> None:
    try:
        await server.tools()
    except McpServerUnavailableError:
        return  # the answer says so


def to_wire(server: HeldServer) -> McpServer:
    """A server, without how it is reached."""
    settings = server.settings
    message = McpServer(
        name=server.name,
        transport=McpServer.STDIO if settings.command else McpServer.HTTP,
        state=server.state,
        tools=[
            McpTool(
                name=tool.name,
                told_name=tool.told_name,
                description=tool.description,
                parameters=tool.parameters,
                left_out=tool.left_out,
            )
            for tool in server.known
        ],
        admins_only=settings.admins_only,
    )
    if server.error is not None:
        message.error.CopyFrom(server.error.to_wire())
        message.error.ClearField("retry_delay")
        if seconds := server.retry_seconds:
            message.retry_time.FromMicroseconds(int((time.time() + seconds) * 1e6))
    return message
