# Generated from ../asynchronous/mcp.py by `make client`: edit that one.
"""The MCP servers whose tools chats may use."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.mcp_pb2 import ListMcpServersRequest, McpServer
from funland.v1.mcp_pb2_grpc import McpServiceStub
from funland_client.blocking.connection import Connection


class Mcp:
    """The MCP servers of the server's settings, as `client.mcp`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = McpServiceStub(connection.channel)

    def list(self, name: str = "", *, connect: bool = False) -> Sequence[McpServer]:
        """Gets every server, or the one of a `name`.

        With `connect`, those that were not needed yet are reached first, so that their tools are
        there.
        """
        request = ListMcpServersRequest(name=name, connect=connect)
        response = self._connection.call(self._stub.ListMcpServers, request)
        return [*response.servers]
