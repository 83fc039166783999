"""What can go wrong with other machines.

NotFoundError
└── NodeNotFoundError         NODE_NOT_FOUND
UnavailableError
└── ClusterUnreachableError   CLUSTER_UNREACHABLE
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import NotFoundError, UnavailableError


class NodeNotFoundError(NotFoundError):
    """No node has that id."""

    reason = ErrorReason.NODE_NOT_FOUND

    def __init__(self, node_id: str) -> None:
        super().__init__(
            f"There is no node {node_id!r}; `funland nodes` lists them.", node_id=node_id
        )


class ClusterUnreachableError(UnavailableError):
    """The cluster does not answer, or a node of it that was asked for."""

    reason = ErrorReason.CLUSTER_UNREACHABLE

    def __init__(self, address: str, why: str, node_id: str = "") -> None:
        message = f"The cluster at {address} does not answer: {why}"
        if node_id:
            message = f"Node {node_id!r} can't hold a model now: {why}."
        super().__init__(message, address=address)
