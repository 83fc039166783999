"""Answers `remote.proto`: a worker that its server reaches over the network."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio
import psutil

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import remote_pb2, remote_pb2_grpc, worker_pb2
from funland_worker.engines.protocol import EngineError
from funland_worker.remote.layout import lay_out
from funland_worker.remote.partial import Partial
from funland_worker.remote.weights import Weights
from funland_worker.wire import failure_to_wire, pong

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

logger = logging.getLogger(__name__)

Send: TypeAlias = Callable[[worker_pb2.Step], None]
Obey: TypeAlias = Callable[[worker_pb2.Command], None]
Say: TypeAlias = Callable[[worker_pb2.LoadProgress], None]
Load: TypeAlias = Callable[[worker_pb2.Launch, Send, Say], Awaitable[tuple[Obey, worker_pb2.Ready]]]
"""Loads a model and answers its calls from then on, and says in any thread how far that is; raises
EngineError."""


class RemoteServicer(remote_pb2_grpc.RemoteServiceServicer):
    """One server's worker, from its first connection to its last."""

    def __init__(
        self, weights: Weights, run_folder: Path, load: Load, leave: Callable[[], None]
    ) -> None:
        """`leave` ends the process; it is called when the server has gone."""
        self._weights = weights
        self._folder = run_folder
        self._load = load
        self._leave = leave
        self._steps: asyncio.Queue[worker_pb2.Step] = asyncio.Queue()
        self._found: dict[str, Path] = {}
        self._obey: Obey = self._obey_early
        self._started = False
        self._process = psutil.Process()
        self.running = asyncio.Event()
        """Whether the server has come."""

    async def Run(
        self, request_iterator: AsyncIterator[worker_pb2.Command], context: Context
    ) -> AsyncGenerator[worker_pb2.Step]:
        """See `remote.proto`."""
        if self.running.is_set():
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "It runs already.")
        self.running.set()
        obeying = asyncio.create_task(self._obey_all(request_iterator))
        try:
            while True:
                yield await self._steps.get()
        finally:
            obeying.cancel()
            self._leave()

    async def TakeWeights(
        self, request_iterator: AsyncIterator[remote_pb2.WeightsChunk], context: Context
    ) -> AsyncGenerator[remote_pb2.WeightsState]:
        """See `remote.proto`."""
        first = await anext(request_iterator)
        file = first.file
        try:
            path = await asyncio.to_thread(self._weights.find, file.sha256, file.size_bytes)
            if path is None:
                partial = await asyncio.to_thread(
                    self._weights.receive, file.sha256, file.size_bytes
                )
                if partial is not None:
                    yield remote_pb2.WeightsState(present_bytes=partial.present_bytes)
                    await self._fill(partial, request_iterator)
                    path = await asyncio.to_thread(self._weights.keep, partial, file.sha256)
                else:
                    path = await asyncio.to_thread(self._weights.find, file.sha256, file.size_bytes)
            if path is None:
                raise EngineError(ErrorReason.MODEL_LOAD_FAILED, "A file went while it came.")
        except EngineError as error:
            yield remote_pb2.WeightsState(failure=failure_to_wire(error))
        except OSError as error:
            failure = EngineError(
                ErrorReason.MODEL_LOAD_FAILED, f"The node can't keep a file: {error.strerror}."
            )
            yield remote_pb2.WeightsState(failure=failure_to_wire(failure))
        else:
            self._found[file.sha256] = path
            yield remote_pb2.WeightsState(whole=True)

    async def Start(
        self, request: remote_pb2.RemoteLaunch, context: Context
    ) -> AsyncGenerator[worker_pb2.Handshake]:
        """See `remote.proto`."""
        if self._started:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "It was started already.")
        self._started = True
        try:
            launch = await asyncio.to_thread(lay_out, request, self._found, self._folder)
            said = asyncio.Queue[worker_pb2.LoadProgress]()
            loop = asyncio.get_running_loop()

            def say(progress: worker_pb2.LoadProgress) -> None:
                loop.call_soon_threadsafe(said.put_nowait, progress)

            loading = asyncio.ensure_future(self._load(launch, self._send, say))
            async for progress in _until(loading, said):
                yield worker_pb2.Handshake(progress=progress)
            self._obey, ready = await loading
        except EngineError as error:
            yield worker_pb2.Handshake(failure=failure_to_wire(error))
        else:
            yield worker_pb2.Handshake(ready=ready)

    async def _fill(self, partial: Partial, chunks: AsyncIterator[remote_pb2.WeightsChunk]) -> None:
        """Writes what comes. If the line breaks, what came stays for the next try."""
        try:
            async for chunk in chunks:
                await asyncio.to_thread(partial.write, chunk.data)
        except BaseException:
            partial.close()
            raise

    async def _obey_all(self, commands: AsyncIterator[worker_pb2.Command]) -> None:
        try:
            async for command in commands:
                self._obey(command)
        except Exception:
            logger.exception("a command failed")
        self._leave()  # the server has nothing more to say

    def _obey_early(self, command: worker_pb2.Command) -> None:
        """There is no model yet; that the process lives can be said."""
        if command.HasField("ping"):
            self._send(pong(command.ping.ping_id, 0))

    def _send(self, step: worker_pb2.Step) -> None:
        """The server can't look at a process on another machine: what it needs to know is told."""
        if step.HasField("pong"):
            step.pong.memory_bytes = self._process.memory_info().rss
            if (peak := peak_memory_bytes()) is not None:
                step.pong.peak_memory_bytes = peak
        self._steps.put_nowait(step)


def peak_memory_bytes() -> int | None:
    """The most that this process had of the memory; None if that can't be read."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


async def _until(
    loading: asyncio.Future[Any], said: asyncio.Queue[worker_pb2.LoadProgress]
) -> AsyncGenerator[worker_pb2.LoadProgress]:
    """What is said until the load has ended."""
    while True:
        more = asyncio.ensure_future(said.get())
        await asyncio.wait({loading, more}, return_when=asyncio.FIRST_COMPLETED)
        if not more.done():
            more.cancel()
            return
        yield more.result()
