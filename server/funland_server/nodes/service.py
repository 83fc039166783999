"""`funland.v1.NodeService`: the wire on one side, the machines that hold models on the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from funland.v1 import nodes_pb2
from funland_server.nodes.errors import NodeNotFoundError
from funland_server.nodes.node import Node
from funland_server.nodes.wire import to_wire


class NodeService:
    """Answers the RPCs of `NodeService`; see `nodes.proto`."""

    def __init__(
        self,
        nodes: Callable[[], Awaitable[Sequence[Node]]],
        held: Callable[[str], Sequence[str]],
    ) -> None:
        """`nodes` gives all that there are, `held` the ids of the models that one holds."""
        self._nodes = nodes
        self._held = held

    async def ListNodes(self, request: nodes_pb2.ListNodesRequest) -> nodes_pb2.ListNodesResponse:
        """See `nodes.proto`."""
        nodes = [
            node for node in await self._nodes() if request.all or node.state != nodes_pb2.Node.DEAD
        ]
        return nodes_pb2.ListNodesResponse(nodes=map(self._wire, nodes))

    async def GetNode(self, request: nodes_pb2.GetNodeRequest) -> nodes_pb2.Node:
        """See `nodes.proto`."""
        for node in await self._nodes():
            if node.node_id == request.node_id:
                return self._wire(node)
        raise NodeNotFoundError(request.node_id)

    def _wire(self, node: Node) -> nodes_pb2.Node:
        return to_wire(node, self._held(node.node_id))
