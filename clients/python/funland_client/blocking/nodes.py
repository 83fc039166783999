# Generated from ../asynchronous/nodes.py by `make client`: edit that one.
"""The machines that hold models."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.nodes_pb2 import GetNodeRequest, ListNodesRequest, Node
from funland.v1.nodes_pb2_grpc import NodeServiceStub
from funland_client.blocking.connection import Connection


class Nodes:
    """The machines that hold models, as `client.nodes`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = NodeServiceStub(connection.channel)

    def list(self, *, dead: bool = False) -> Sequence[Node]:
        """Gets every machine, the server's own first; the `dead` ones too if asked."""
        response = self._connection.call(self._stub.ListNodes, ListNodesRequest(all=dead))
        return [*response.nodes]

    def get(self, node_id: str) -> Node:
        """Gets one machine."""
        return self._connection.call(self._stub.GetNode, GetNodeRequest(node_id=node_id))
