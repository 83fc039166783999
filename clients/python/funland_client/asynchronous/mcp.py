"""The MCP servers whose tools chats may use."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.mcp_pb2 import ListMcpServersRequest, McpServer
from funland.v1.mcp_pb2_grpc import McpServiceStub
from funland_client.asynchronous.connection import AsyncConnection


class AsyncMcp:
    """The MCP servers of the server's settings, as `client.mcp`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = McpServiceStub(connection.channel)

    async def list(self, name: str = "", *, connect: bool = False) -> Sequence[McpServer]:
        """Gets every server, or the one of a `name`.

        With `connect`, those that were not needed yet are reached first, so that their tools are
        there.
        """
        request = ListMcpServersRequest(name=name, connect=connect)
        response = await self._connection.call(self._stub.ListMcpServers, request)
        return [*response.servers]
