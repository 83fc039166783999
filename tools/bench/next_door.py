"""Starts workers as on another machine, on this one: all that a cluster does but placing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from google.protobuf import json_format

from funland.worker.v1.remote_pb2 import Listen, Listening
from funland_server.nodes.cluster.host import Host
from funland_server.nodes.node import Node
from funland_server.nodes.own import own_node
from funland_server.nodes.remote.launching import RemoteLaunching, Shelf
from funland_server.nodes.remote.starter import Started
from funland_server.workers.process import Told, WorkerProcess, untold
from funland_server.workers.spec import WorkerSpec


class Neighbour:
    """A process next door; see `Started`."""

    host = "127.0.0.1"

    def __init__(self, parent: Host, listening: Listening) -> None:
        self._parent = parent
        self._killing: asyncio.Task[None] | None = None
        self.listening = listening

    def kill(self) -> None:
        """See `Started`."""
        self._killing = self._killing or asyncio.create_task(self._parent.kill())

    async def how_it_ended(self) -> str | None:
        """See `Started`."""
        return await self._parent.ended()


class NextDoor:
    """Other machines, all of which are this one; see `Starter` and `Elsewhere`."""

    def __init__(self, weights: Path, limit_bytes: int = 2**40, node_id: str = "next-door") -> None:
        """`weights` is where they have their folder for weights."""
        self._node_id = node_id
        self.weights = weights
        self._launching = RemoteLaunching(self, Shelf(str(weights), limit_bytes))
        self.started: list[Neighbour] = []
        """All that were, the latest last."""
        self.lost: Callable[[Started], None] = lambda _: None
        """Called when one has ended unasked."""

    async def start(self, node_id: str, listen: Listen) -> Neighbour:
        """See `Starter`."""
        parent = Host()
        listen.host = Neighbour.host
        line = await parent.start(json_format.MessageToJson(listen, indent=None))
        self.started.append(Neighbour(parent, json_format.Parse(line, Listening())))
        return self.started[-1]

    async def nodes(self) -> list[Node]:
        """See `Elsewhere`."""
        own = await asyncio.to_thread(own_node)
        there = Node(
            node_id=self._node_id,
            name=own.name,
            address=Neighbour.host,
            state=own.state,
            last_seen=own.last_seen,
            memory_available_bytes=own.memory_available_bytes,
        )
        return [own, there]

    async def settled(self) -> bool:
        """See `Elsewhere`."""
        return True

    async def launch(
        self, spec: WorkerSpec, timeout_seconds: float, told: Told = untold
    ) -> WorkerProcess:
        """See `Elsewhere`."""
        return await self._launching.launch(spec, timeout_seconds, self.lost, told)
