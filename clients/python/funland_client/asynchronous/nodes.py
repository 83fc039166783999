"""The machines that hold models."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.nodes_pb2 import GetNodeRequest, ListNodesRequest, Node
from funland.v1.nodes_pb2_grpc import NodeServiceStub
from funland_client.asynchronous.connection import AsyncConnection


class AsyncNodes:
    """The machines that hold models, as `client.nodes`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = NodeServiceStub(connection.channel)

    async def list(self, *, dead: bool = False) -> Sequence[Node]:
        """Gets every machine, the server's own first; the `dead` ones too if asked."""
        response = await self._connection.call(self._stub.ListNodes, ListNodesRequest(all=dead))
        return [*response.nodes]

    async def get(self, node_id: str) -> Node:
        """Gets one machine."""
        return await self._connection.call(self._stub.GetNode, GetNodeRequest(node_id=node_id))
