"""A worker's process on another machine; see `funland_server.workers.process.WorkerProcess`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import grpc.aio

from funland.worker.v1.worker_pb2 import Ready
from funland_server.nodes.remote.link import RemoteLink
from funland_server.nodes.remote.starter import Started
from funland_server.workers.spec import WorkerSpec

_ENDING_SECONDS: Final = 2.0
_UNKNOWN: Final = -1


class RemoteProcess:
    """It has ended as soon as its stream has, whatever its machine says, and when."""

    def __init__(
        self,
        spec: WorkerSpec,
        started: Started,
        channel: grpc.aio.Channel,
        link: RemoteLink,
        token: str,
    ) -> None:
        self._started = started
        self._channel = channel
        self._asked = False
        self.spec = spec
        self.link = link
        self.token = token
        self.ready = Ready()
        self.lost: Callable[[Started], None] = lambda _: None
        """Called when it has ended unasked."""
        self._watch = asyncio.create_task(self._notice())

    @property
    def pid(self) -> int:
        """Its process id, on its machine."""
        return self._started.listening.pid

    @property
    def memory_bytes(self) -> int | None:
        """Its resident memory, as it said lately."""
        return self.link.memory_bytes

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that it had of its machine's memory, as it said lately."""
        return self.link.peak_memory_bytes

    def open_channel(self) -> grpc.aio.Channel:
        """The connection that carries its stream too; it stays open until `end`."""
        return self._channel

    async def ended(self) -> int:
        """Waits for its end. Its exit code is known to its machine alone."""
        await self.link.over()
        return _UNKNOWN

    def kill(self) -> None:
        """Ends it at once, and has its machine see to it."""
        self.link.close()
        self._started.kill()

    async def end(self) -> None:
        """Ends it: kindly, then at once. Ending it twice is no error."""
        self._asked = True
        self.link.let_go()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDING_SECONDS):
                    await self.link.over()
        finally:  # also when we are cancelled
            self.kill()
        await self.link.over()
        await self._channel.close()

    async def _notice(self) -> None:
        await self.link.over()
        if not self._asked:
            self.lost(self._started)
