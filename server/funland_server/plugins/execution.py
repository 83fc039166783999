"""One run of a plugin's process, from its start to its end, within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from funland.worker.v1.plugin_pb2 import (
    ExecutionEnded,
    FromPlugin,
    PluginRun,
    StartExecution,
    ToPlugin,
)
from funland.worker.v1.worker_pb2 import JobArtefact, JobProgress
from funland_server.errors import FunlandError
from funland_server.plugins import outcome
from funland_server.plugins.asks import Asks
from funland_server.plugins.errors import PluginFailedError, PluginIsolationUnavailableError
from funland_server.plugins.host import (
    HostLostError,
    MessageTooLongError,
    PluginHost,
    PluginProcess,
)
from funland_server.plugins.manifest import Limits
from funland_server.plugins.words import is_object, told_progress
from funland_server.workers.errors import WorkerLostError

_ASK_BYTES: Final = 26 * 1024**2
"""The longest question: the contract has 25 MiB for a recording, and for a picture."""
_BESIDE_BYTES: Final = 1024**2
"""What may be said beside the output: how far it is, and names."""


def _host_lost() -> WorkerLostError:
    return WorkerLostError("", "The process that starts plugins")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run, of which plugin, and what it may take."""

    plugin_id: str
    start: StartExecution
    run: PluginRun
    limits: Limits


@dataclass(frozen=True, slots=True)
class Heard:
    """Who is told what a process says before its end."""

    progress: Callable[[JobProgress], None] = lambda _: None
    artefact: Callable[[JobArtefact], None] = lambda _: None
    """May raise FunlandError, which ends the execution."""


class Execution:
    """Runs one process. A caller that leaves ends it."""

    def __init__(
        self, host: PluginHost, wanted: Wanted, heard: Heard, asks: Callable[[PluginProcess], Asks]
    ) -> None:
        self._host = host
        self._wanted = wanted
        self._heard = heard
        self._make_asks = asks
        self._said = 0

    async def run(self) -> str:
        """Its output, as JSON text; the process has ended when it returns or raises.

        Raises:
            FunlandError: There is none; `outcome` says which for what.
        """
        try:
            await self._check_means()
            process = await self._host.open(self._wanted.start)
        except HostLostError:
            raise _host_lost() from None
        asks = self._make_asks(process)
        last: FromPlugin | None = None
        error: FunlandError | None = None
        try:
            async with asyncio.timeout(self._wanted.limits.duration_seconds):
                last = await self._converse(process, asks)
        except TimeoutError:
            error = self._exceeded("duration")
        except MessageTooLongError:
            error = self._exceeded("output")
        except FunlandError as raised:
            error = raised
        except ValueError:
            error = PluginFailedError(self._wanted.plugin_id, "it said what is no message.")
        finally:
            ended = await self._end(process, asks, at_once=last is not None)
        return self._judged(last, error, ended, asks)

    async def _check_means(self) -> None:
        if self._wanted.start.foreign and (missing := (await self._host.means()).missing):
            raise PluginIsolationUnavailableError(self._wanted.plugin_id, missing)

    async def _converse(self, process: PluginProcess, asks: Asks) -> FromPlugin | None:
        """The last message; None: there was none."""
        limit = self._wanted.limits.output_bytes + _BESIDE_BYTES
        sending = asyncio.create_task(self._send_run(process))
        try:
            while received := await process.receive(max(limit, _ASK_BYTES)):
                message, length = received
                if message.HasField("ask"):
                    asks.take(message.ask)
                    continue
                self._said += length
                if self._said > limit:
                    raise MessageTooLongError
                if message.HasField("progress"):
                    self._heard.progress(told_progress(message.progress))
                elif message.HasField("artefact"):
                    self._heard.artefact(message.artefact)
                else:
                    return message
            return None
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send_run(self, process: PluginProcess) -> None:
        with suppress(ConnectionError):  # it has ended, as whoever reads from it sees
            await process.send(ToPlugin(run=self._wanted.run))

    async def _end(
        self, process: PluginProcess, asks: Asks, *, at_once: bool
    ) -> ExecutionEnded | None:
        """How it ended; None: with the host."""
        await asks.close()
        try:
            return await process.end(at_once=at_once)
        except HostLostError:
            return None

    def _judged(
        self,
        last: FromPlugin | None,
        error: FunlandError | None,
        ended: ExecutionEnded | None,
        asks: Asks,
    ) -> str:
        plugin_id, limits, start = self._wanted.plugin_id, self._wanted.limits, self._wanted.start
        if last is not None and last.HasField("result"):
            executed = self._wanted.run.extent == PluginRun.EXECUTE
            if executed and not is_object(last.result.output):
                raise PluginFailedError(plugin_id, "its output is no JSON object.")
            return last.result.output
        if error is not None:
            raise error
        if last is not None:
            hidden = (start.code_folder, start.folder)
            raise outcome.of_failure(plugin_id, last.failure, limits, asks.failed, hidden)
        if ended is None:
            raise _host_lost()
        raise outcome.of_end(plugin_id, ended, limits)

    def _exceeded(self, limit: str) -> FunlandError:
        return outcome.exceeded(self._wanted.plugin_id, limit, self._wanted.limits)
