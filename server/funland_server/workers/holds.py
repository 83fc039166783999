"""What keeps a worker in memory whether it is called or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time

from funland.v1.models_pb2 import Lease


@dataclass(frozen=True, slots=True)
class Hold:
    """A pin, or a deployment. What is held does not leave unused, nor for others."""

    kind: Lease.Kind.ValueType = Lease.PIN
    holder: str = ""
    """The deployment's id."""
    since: float = field(default_factory=time)
    """In Unix time."""

    def __str__(self) -> str:
        """In words."""
        return "pinned" if self.kind == Lease.PIN else f"held by deployment {self.holder}"
