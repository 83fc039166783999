"""The server's end of its link to a worker on another machine: one stream of gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc.aio

from funland.worker.v1.worker_pb2 import Command, Step


class RemoteLink:
    """See `funland_server.workers.process.Link`. The worker ends when the stream does, and when the
    worker or its machine ends, so does the stream: at once, or when pings are not answered."""

    def __init__(self, run: Any) -> None:
        """`run` is the method `RemoteService.Run`."""
        self._commands: asyncio.Queue[Command | None] = asyncio.Queue()
        self._call: Any = run(self._outgoing())
        self._over = asyncio.Event()
        self._call.add_done_callback(self._end)
        self.memory_bytes: int | None = None
        """What the worker last said of its memory."""
        self.peak_memory_bytes: int | None = None

    def send(self, command: Command) -> None:
        """See `Link`."""
        if not self._over.is_set():
            self._commands.put_nowait(command)

    async def read(self, take: Callable[[Step], None]) -> None:
        """See `Link`."""
        try:
            async for step in self._call:
                if step.HasField("pong"):
                    self._note(step)
                take(step)
        except grpc.aio.AioRpcError:
            return  # the line broke: the worker is lost
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return  # not who reads was cancelled, the stream was

    def let_go(self) -> None:
        """Has the worker end by itself."""
        self._commands.put_nowait(None)

    def close(self) -> None:
        """See `Link`."""
        self._call.cancel()

    async def over(self) -> None:
        """Waits until there is no worker at the other end."""
        await self._over.wait()

    async def _outgoing(self) -> AsyncGenerator[Command]:
        while (command := await self._commands.get()) is not None:
            yield command

    def _end(self, _: object) -> None:
        self._over.set()

    def _note(self, step: Step) -> None:
        if step.pong.HasField("memory_bytes"):
            self.memory_bytes = step.pong.memory_bytes
        if step.pong.HasField("peak_memory_bytes"):
            self.peak_memory_bytes = step.pong.peak_memory_bytes
