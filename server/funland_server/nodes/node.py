"""A machine that holds models, as far as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from funland.v1.nodes_pb2 import Node as NodeMessage

State: TypeAlias = NodeMessage.State.ValueType


@dataclass(frozen=True, slots=True)
class Node:
    """The server's own, or one of its cluster."""

    node_id: str
    name: str
    address: str
    state: State
    last_seen: datetime
    """When it was last known to be alive."""
    local: bool = False
    cpus: float | None = None
    gpus: float | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    """None: that is not known, as if it were nothing."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""
    """Why it can't hold models though it is alive. Empty: it can."""


def standing(*, alive: bool, suspect: bool) -> State:
    """Where a node stands. The cluster tells late that one is gone: who does not answer is suspect
    until then."""
    if not alive:
        return NodeMessage.DEAD
    return NodeMessage.SUSPECT if suspect else NodeMessage.ALIVE
