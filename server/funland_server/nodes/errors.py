"""What can go wrong with other machines.

NotFoundError
└── NodeNotFoundError         NODE_NOT_FOUND
UnavailableError
└── ClusterUnreachableError   CLUSTER_UNREACHABLE
    └── NodeUnavailableError
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
    """The cluster does not answer."""

    reason = ErrorReason.CLUSTER_UNREACHABLE

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"The cluster at {address} does not answer: {why}", address=address)


class NodeUnavailableError(ClusterUnreachableError):
    """The cluster answers, but for one node of it."""

    def __init__(self, node_id: str, address: str, why: str) -> None:
        UnavailableError.__init__(
            self, f"Node {node_id!r} can't hold a model now: {why}.", address=address
        )
