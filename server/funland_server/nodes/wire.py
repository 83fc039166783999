"""A node as callers see it."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1 import nodes_pb2
from funland_server.nodes.node import Node


def to_wire(node: Node, model_ids: Sequence[str]) -> nodes_pb2.Node:
    """The node and what it holds."""
    message = nodes_pb2.Node(
        node_id=node.node_id,
        name=node.name,
        address=node.address,
        state=node.state,
        local=node.local,
        cpus=node.cpus,
        gpus=node.gpus,
        memory_total_bytes=node.memory_total_bytes,
        memory_available_bytes=node.memory_available_bytes,
        model_ids=model_ids,
        labels=node.labels,
    )
    message.last_seen_time.FromDatetime(node.last_seen)
    return message
