"""Decides on which machine a model is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from funland.v1.nodes_pb2 import Node as NodeMessage
from funland_server.nodes.errors import ClusterUnreachableError, NodeNotFoundError
from funland_server.nodes.node import Node


def choose(nodes: Sequence[Node], asked: str, needed_bytes: int, held: Mapping[str, int]) -> Node:
    """The node that was asked for by its id; else, of those with enough free memory, the one that
    holds the fewest models, the server's own first. If none has enough it is the server's own,
    where others can leave for the model. `held` has how many processes are where.

    Raises:
        NodeNotFoundError: There is none of that id.
        ClusterUnreachableError: It is there, but can't hold models now.
    """
    if asked:
        return _asked(nodes, asked)
    able = [node for node in nodes if _reason(node) is None and _fits(node, needed_bytes)]
    if not able:
        able = [node for node in nodes if node.local]
    return min(able, key=lambda node: (held.get(node.node_id, 0), not node.local, node.node_id))


def _asked(nodes: Sequence[Node], node_id: str) -> Node:
    for node in nodes:
        if node.node_id == node_id:
            if (reason := _reason(node)) is not None:
                raise ClusterUnreachableError(node.address, reason, node.node_id)
            return node
    raise NodeNotFoundError(node_id)


def _reason(node: Node) -> str | None:
    """Why a node can't hold models now; None if it can."""
    match node.state:
        case NodeMessage.DEAD:
            return "it is gone"
        case NodeMessage.SUSPECT:
            return "it does not answer"
        case _:
            return node.problem or None


def _fits(node: Node, needed_bytes: int) -> bool:
    return (node.memory_available_bytes or 0) >= needed_bytes
