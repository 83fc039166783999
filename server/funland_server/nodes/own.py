"""The server's own machine among the nodes."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

from funland.v1.nodes_pb2 import Node as NodeMessage
from funland_server.nodes.node import Node
from funland_server.workers.machine import machine_memory
from funland_server.workers.spec import LOCAL_NODE


def own_node() -> Node:
    """How it is now. Blocks for some files of the kernel's."""
    memory = machine_memory()
    return Node(
        node_id=LOCAL_NODE,
        name=socket.gethostname(),
        address="127.0.0.1",
        state=NodeMessage.ALIVE,
        last_seen=datetime.now(UTC),
        local=True,
        cpus=float(len(os.sched_getaffinity(0))),
        memory_total_bytes=memory.total,
        memory_available_bytes=memory.available,
    )
