"""Fetches the files of one download, over as many connections as bring more."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Final

from funland_server.downloads.fetching.assigning import Assigning, Lane, StartingOver
from funland_server.downloads.fetching.connection import Connection, Failure
from funland_server.downloads.fetching.failing import Failing
from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.finishing import finish
from funland_server.downloads.fetching.lanes import Lanes
from funland_server.downloads.fetching.routes import Servers
from funland_server.downloads.fetching.speed import Speed
from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.fetching.verdicts import Patience
from funland_server.downloads.files.partial import parts_of
from funland_server.downloads.plan import PlannedFile
from funland_server.errors import FunlandError
from funland_server.storage.errors import StorageFullError

_INTERVAL: Final = 0.25
"""Seconds between two looks at the speed."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Stalled:
    """No server can be asked for now."""

    until: float
    """Seconds since 1970."""
    error: FunlandError
    """Why."""


class Transfer:
    """The files of a download on their way.

    `run` it until it is done or can't be: it may stall in between, and knows then what it has
    learned of servers. What it leaves on the disk is taken up by another transfer too.
    """

    def __init__(
        self, files: Sequence[PlannedFile], folder: Path, tools: Tools, connections: int
    ) -> None:
        """`folder` is the download's own; it is made if it is not there."""
        self.files = [
            FetchedFile(file, path, tools.threads)
            for file, path in zip(files, parts_of(folder, len(files)), strict=True)
        ]
        self.fetched = 0
        """Bytes that came over the network."""
        self.speed = Speed()
        self._folder = folder
        self._tools = tools
        self._lanes = Lanes(connections)
        self._servers = Servers()
        settings = tools.settings.now
        self._patience = Patience(settings.tries, settings.patience)
        self._running: dict[asyncio.Task[Failure | None], int] = {}
        self._at_work: dict[int, Lane] = {}
        self._checking: dict[asyncio.Task[None], FetchedFile] = {}
        self._over: StartingOver = {}
        self._assigning = Assigning(
            self.files, self._servers, self._at_work, self._over, self.speed
        )
        self._failing = Failing(
            self._servers, self._lanes, self._patience, self._at_work, self._over,
            settings.first_backoff,
        )  # fmt: skip
        self._number = 0
        self._measured = (monotonic(), 0)

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._at_work)

    def limit(self, connections: int) -> None:
        """Changes the most connections."""
        self._lanes.limit(connections)

    def ask_at_once(self) -> None:
        """Forgets which servers asked to wait."""
        self._servers.forget()

    def take_as_done(self) -> None:
        """Takes all files for done: a model that is there has them."""
        for file in self.files:
            file.done = file.reused = True

    async def run(self) -> Stalled | None:
        """Fetches all files into the content store; None when they are there. One at a time.

        Raises:
            StorageFullError: The disk has no room.
            FunlandError: It can't be done.
        """
        self._measured = (monotonic(), self.fetched)
        try:
            await self._tools.threads.run(self._open)
            for file in self.files:
                file.start_hashing()
            return await self._work()
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFullError from error
            raise
        finally:
            await self._close()

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            if file.done:
                continue
            known = file.note.read() or file.planned.sha256
            if known and self._tools.blobs.find(known) is not None:
                file.sha256, file.done = known, True
                file.reused = not file.note.read()
            else:
                file.open()

    async def _work(self) -> Stalled | None:
        syncing = asyncio.create_task(self._sync())
        try:
            while True:
                await self._start_over()
                self._check()
                self._start()
                self._measure()
                if all(file.done for file in self.files):
                    return None
                if self._over:
                    continue
                if not self._running and not self._checking:
                    return self._stalled()
                await asyncio.wait(
                    [*self._running, *self._checking, syncing],
                    timeout=_INTERVAL,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if syncing.done():
                    syncing.result()  # only an error ends it
                self._collect()
        finally:
            syncing.cancel()
            await asyncio.wait([syncing])

    def _collect(self) -> None:
        """Takes what came of connections and checks that have ended."""
        for check in [task for task in self._checking if task.done()]:
            del self._checking[check]
            check.result()
        for task in [task for task in self._running if task.done()]:
            lane = self._at_work.pop(self._running.pop(task))
            if (failure := task.result()) is None:
                self._patience.received()
            elif lane.file not in self._over:
                self._failing.take(lane, failure, monotonic())

    # What is to be done.

    def _start(self) -> None:
        while len(self._at_work) < self._lanes.wanted:
            number = self._number = self._number + 1
            lane = self._assigning.next(number, self._lanes.wanted, monotonic())
            if lane is None:
                return
            self._at_work[number] = lane
            connection = Connection(
                self._tools.web, self._tools.credentials, self._tools.bucket, self._counting(lane)
            )
            task = asyncio.create_task(self._fetch(connection, number, lane))
            self._running[task] = number

    async def _fetch(self, connection: Connection, number: int, lane: Lane) -> Failure | None:
        try:
            return await connection.fetch(number, lane.file, lane.part, lane.route)
        finally:
            parts = lane.file.parts
            if parts is not None and number in parts.taken:
                parts.give_back(number)

    def _counting(self, lane: Lane) -> Callable[[int], None]:
        def received(count: int) -> None:
            now = monotonic()
            lane.received += count
            self.fetched += count
            self._tools.received(count)
            self.speed.received(count, now)
            if lane.file.ranged:
                self._patience.received()
                self._servers.received(lane.route.origin, now)

        return received

    def _stalled(self) -> Stalled:
        origins = [
            route.origin for file in self.files if not file.done for route in file.routes.left
        ]
        found = self._servers.next(origins)
        if found is None:
            raise RuntimeError("a download has nothing to do, but is not done")
        until, error = found
        return Stalled(time() + max(until - monotonic(), 0.0), error)

    async def _start_over(self) -> None:
        for file, ranged in list(self._over.items()):
            busy = [task for task, number in self._running.items()
                    if self._at_work[number].file is file]  # fmt: skip
            if busy:
                for task in busy:
                    task.cancel()
                await asyncio.wait(busy)
                for task in busy:
                    del self._at_work[self._running.pop(task)]
            checking = [task for task, checked in self._checking.items() if checked is file]
            if checking:
                continue
            del self._over[file]
            await file.start_over(ranged=ranged)

    # What is there.

    def _check(self) -> None:
        for file in self.files:
            if file.complete and not file.done and file not in self._checking.values():
                self._checking[asyncio.create_task(finish(file, self._tools))] = file

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(self._tools.settings.now.sync_interval)
            for file in self.files:
                await file.sync()

    async def _close(self) -> None:
        tasks = [*self._running, *self._checking]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # the first one is told already
        self._at_work.clear()
        for file in self.files:
            await file.close()

    # How fast it is.

    def _measure(self) -> None:
        now = monotonic()
        since, before = self._measured
        if now - since < _INTERVAL:
            return
        if len(self._at_work) >= self._lanes.wanted:
            self._lanes.measured((self.fetched - before) / (now - since))
        self._measured = (now, self.fetched)
