"""`funland.v1.NodeService`: the wire on one side, the machines that hold models on the other."""

from __future__ import annotations

from funland.v1 import nodes_pb2


class NodeService:
    """Answers the RPCs of `NodeService`; see `nodes.proto`."""

    async def ListNodes(self, request: nodes_pb2.ListNodesRequest) -> nodes_pb2.ListNodesResponse:
        """See `nodes.proto`."""
        raise NotImplementedError

    async def GetNode(self, request: nodes_pb2.GetNodeRequest) -> nodes_pb2.Node:
        """See `nodes.proto`."""
        raise NotImplementedError
