"""Fetches the files of one download, over as many connections as bring more."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Final

import structlog

from funland_server.blobs.store import Blobs
from funland_server.downloads.errors import DownloadCorruptError, DownloadInterruptedError
from funland_server.downloads.fetching.connection import Connection, Failure
from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.lanes import Lanes
from funland_server.downloads.fetching.parts import Part, part_size
from funland_server.downloads.fetching.routes import Route, Servers
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.fetching.speed import Bucket, Speed
from funland_server.downloads.fetching.verdicts import (
    Circumstances,
    Kind,
    Patience,
    Verdict,
    backoff,
    judge,
)
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.plan import Credentials, PlannedFile
from funland_server.errors import FunlandError
from funland_server.storage.errors import StorageFullError
from funland_server.web.fetching import Web

logger = structlog.get_logger(__name__)

_INTERVAL: Final = 0.25
"""Seconds between two looks at the speed."""
_WORTH_SPLITTING: Final = 1.0
"""Seconds that a part must still take to be worth a second connection."""
_USELESS: Final = (Kind.WRONG_RANGE, Kind.WRONG_SIZE, Kind.ENCODED)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Stalled:
    """No server can be asked for now."""

    until: float
    """Seconds since 1970."""
    error: FunlandError
    """Why."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all transfers of a server share."""

    web: Web
    credentials: Credentials
    blobs: Blobs
    bucket: Bucket
    threads: Threads
    settings: FetchSettings


@dataclass(slots=True)
class _Lane:
    """A connection at work."""

    file: FetchedFile
    route: Route
    part: Part | None
    since: float
    received: int = 0


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
        self._patience = Patience(tools.settings.tries, tools.settings.patience)
        self._running: dict[asyncio.Task[Failure | None], int] = {}
        self._at_work: dict[int, _Lane] = {}
        self._checking: dict[asyncio.Task[None], FetchedFile] = {}
        self._over: dict[FetchedFile, bool | None] = {}
        """Files that start over once nobody fetches them any more, and whether with ranges."""
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
        self._servers = Servers()

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
                self._measure()
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
                self._judge(lane, failure)

    # What is to be done.

    def _start(self) -> None:
        while len(self._at_work) < self._lanes.wanted and (lane := self._next()) is not None:
            number = self._number
            self._at_work[number] = lane
            connection = Connection(
                self._tools.web, self._tools.credentials, self._tools.bucket, self._counting(lane)
            )
            task = asyncio.create_task(self._fetch(connection, number, lane))
            self._running[task] = number

    def _next(self) -> _Lane | None:
        """What one more connection would fetch; None if there is nothing."""
        self._number += 1
        now = monotonic()
        for file in self.files:
            if file.done or file.complete or file in self._over:
                continue
            route = file.routes.best(self._servers, now)
            if route is None:
                if (error := file.routes.error) is not None:
                    raise error
                continue
            if not file.fits(route):
                self._over[file] = None
                continue
            alone = file.ranged is not True  # then the first answer says what is possible
            if alone and any(lane.file is file for lane in self._at_work.values()):
                continue
            if file.parts is None:
                return _Lane(file, route, None, now)
            part = file.parts.take(self._number, part_size(self._lane_speed(now)))
            if part is not None:
                return _Lane(file, route, part, now)
        return self._split(now)

    def _split(self, now: float) -> _Lane | None:
        """Takes over the second half of what would take longest."""
        speeds = {number: self._speed_of(lane, now) for number, lane in self._at_work.items()}
        slowest: tuple[float, int, FetchedFile] | None = None
        for file in self.files:
            if file.ranged and file.parts is not None and file not in self._over:
                found = file.parts.slowest(speeds)
                if found is not None and (slowest is None or found[1] > slowest[0]):
                    slowest = (found[1], found[0], file)
        if slowest is None or slowest[0] < _WORTH_SPLITTING:
            return None
        _, victim, file = slowest
        route = file.routes.best(self._servers, now)
        if route is None or file.parts is None:
            return None
        return _Lane(file, route, file.parts.split(victim, self._number), now)

    async def _fetch(self, connection: Connection, number: int, lane: _Lane) -> Failure | None:
        try:
            return await connection.fetch(number, lane.file, lane.part, lane.route)
        finally:
            parts = lane.file.parts
            if parts is not None and number in parts.taken:
                parts.give_back(number)

    def _counting(self, lane: _Lane) -> Callable[[int], None]:
        def received(count: int) -> None:
            now = monotonic()
            lane.received += count
            self.fetched += count
            self.speed.received(count, now)
            if lane.file.ranged:
                self._patience.received()
                self._servers.received(lane.route.origin, now)

        return received

    # What came of it.

    def _judge(self, lane: _Lane, failure: Failure) -> None:
        file, route = lane.file, lane.route
        verdict = judge(
            failure.kind,
            Circumstances(
                status=failure.status,
                progressed=failure.progressed,
                remembered=failure.remembered and not route.asked_anew,
                had_ranges=file.ranged is True,
                changes=file.changes,
                whole_answers=file.whole_answers,
                strikes=route.strikes,
                verifiable=file.verifiable,
            ),
        )
        if failure.target is not None and failure.target != route.target:
            verdict = Verdict.AGAIN  # another connection has asked for a new one meanwhile
        logger.debug(
            "download_part_failed", file=file.planned.path, kind=failure.kind.name,
            status=failure.status, verdict=verdict.name,
        )  # fmt: skip
        now = monotonic()
        if failure.progressed:
            self._patience.received()
        elif verdict is not Verdict.OTHER_ROUTE and self._patience.failed(now):
            raise DownloadInterruptedError(
                f"{file.planned.path} could not be fetched: {failure.error.message} That was so"
                f" {self._patience.tries} times without a byte in between.",
                file=file.planned.path,
            )
        match verdict:
            case Verdict.AGAIN:
                pass
            case Verdict.WAIT:
                file.whole_answers += failure.kind is Kind.NO_RANGE
                route.strikes += failure.kind in _USELESS
                self._wait(lane, failure, now)
            case Verdict.NEW_URL:
                route.target, route.asked_anew = None, True
            case Verdict.START_OVER:
                file.changes += 1
                self._over[file] = None
            case Verdict.ONE_CONNECTION:
                self._over[file] = False
            case Verdict.OTHER_ROUTE:
                route.ended = failure.error

    def _wait(self, lane: _Lane, failure: Failure, now: float) -> None:
        """Leaves a server alone, or only has fewer connections where others still bring bytes."""
        origin = lane.route.origin
        others = sum(
            other.route.origin == origin and other.received > 0 for other in self._at_work.values()
        )
        if others and failure.kind is Kind.BROKEN_OFF:
            self._lanes.refused(others)
            return
        tries = self._servers.tries(origin) + 1
        seconds = failure.wait
        if seconds is None:
            seconds = backoff(tries, self._tools.settings.first_backoff, random.random())  # noqa: S311 - no secret
        self._servers.leave(origin, now + seconds, failure.error)

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
                self._checking[asyncio.create_task(self._finish(file))] = file

    async def _finish(self, file: FetchedFile) -> None:
        """Puts a file whose bytes are all there into the store, if they are right."""
        digests = await file.digests()
        if file.is_right(digests):
            path = await file.finish()
            await self._tools.threads.run(self._adopt, file, path, digests.sha256)
            return
        route = next(iter(file.routes.left), None)
        expected, found = (
            (file.sha256, digests.sha256) if file.sha256 else (file.git_sha1, digests.git_sha1)
        )
        logger.warning(
            "download_hash_differs", file=file.planned.path, expected=expected, found=found
        )
        if await file.mend(route):
            return
        await file.close()
        await self._tools.threads.run(file.remove)
        raise DownloadCorruptError(
            f"{file.planned.path} is not what the hub says, however often it is fetched: its hash"
            f" is {found} and should be {expected}.",
            file=file.planned.path,
            expected=expected,
            found=found,
        )

    def _adopt(self, file: FetchedFile, path: Path, sha256: str) -> None:
        file.sha256 = sha256
        file.note.write(sha256)
        self._tools.blobs.adopt(path, sha256)
        file.remove()
        file.done = True

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(self._tools.settings.sync_interval)
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

    def _lane_speed(self, now: float) -> float:
        return self.speed.bytes_per_second(now) / max(1, len(self._at_work))

    @staticmethod
    def _speed_of(lane: _Lane, now: float) -> float:
        return lane.received / max(now - lane.since, 0.001)


def parts_of(folder: Path, count: int) -> list[Path]:
    """Where the bytes of a download's files are gathered."""
    return [folder / f"{number}.part" for number in range(count)]
