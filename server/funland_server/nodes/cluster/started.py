"""A process that Ray started on a node; see `funland_server.nodes.remote.starter.Started`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from funland.worker.v1.remote_pb2 import Listening


class Parent(Protocol):
    """Who can be asked about it."""

    def kill(self, name: str) -> None:
        """Ends it, as soon as its node hears of it."""
        ...

    async def ask_how_it_ended(self, name: str) -> str | None:
        """See `Started.how_it_ended`."""
        ...


@dataclass(frozen=True, slots=True)
class ClusterStarted:
    """A process by the name of its actor."""

    name: str
    host: str
    listening: Listening
    parent: Parent

    def kill(self) -> None:
        """See `Started`."""
        self.parent.kill(self.name)

    async def how_it_ended(self) -> str | None:
        """See `Started`."""
        return await self.parent.ask_how_it_ended(self.name)
