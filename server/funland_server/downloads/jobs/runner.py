"""Carries downloads from their beginning to their end, across restarts of the server."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time, time_ns
from typing import Final

import structlog

from funland.v1.downloads_pb2 import Download, StartDownloadRequest
from funland.v1.errors_pb2 import Error
from funland_server.downloads.errors import DownloadNotFoundError, DownloadStateError
from funland_server.downloads.fetching.transfer import Stalled as NoServer
from funland_server.downloads.fetching.transfer import Tools, Transfer, parts_of
from funland_server.downloads.files.done_note import DoneNote
from funland_server.downloads.files.partial import bytes_there
from funland_server.downloads.jobs.job import Job, check_names, new_download
from funland_server.downloads.jobs.machine import (
    ACTIVE,
    ENDED,
    Action,
    Broken,
    Command,
    Event,
    Full,
    Sign,
    Stalled,
    State,
    is_allowed,
    step,
)
from funland_server.downloads.jobs.space import lacking
from funland_server.downloads.jobs.turns import decide, queue
from funland_server.downloads.plan import Installer, Plan
from funland_server.downloads.store import DownloadStore, Kept
from funland_server.errors import FunlandError, InternalError
from funland_server.metrics import Metrics
from funland_server.storage.errors import StorageFullError
from funland_server.storage.waiting_out import wait_out

logger = structlog.get_logger(__name__)

_LOOKS_A_SECOND: Final = 4
_SAVE_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the settings say of all downloads together."""

    active: int = 2
    """How many have a turn at once."""
    reserve_bytes: int = 0
    """What stays free on the disk."""


class Runner:
    """All downloads of one home."""

    def __init__(
        self,
        folder: Path,
        store: DownloadStore,
        tools: Tools,
        installer: Installer,
        *,
        settings: QueueSettings,
        metrics: Metrics,
        publish: Callable[[str], None],
    ) -> None:
        """`folder` is where unfinished files are; `publish` is told the id of what changed."""
        self._metrics = metrics
        self._folder = folder
        self._store = store
        self._tools = tools
        self._installer = installer
        self._settings = settings
        self._publish = publish
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._look: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up the downloads of the last server, and removes what belongs to none."""
        for kept in await self._store.all():
            self._jobs[kept.download.download_id] = Job(kept.download, kept.plan, kept.arrival)
        await self._tools.threads.run(self._sweep, tuple(self._jobs.values()))
        stock = await self._tools.threads.run(self._stock, tuple(self._jobs.values()))
        for job in self._jobs.values():
            if (there := stock.get(job.download_id)) is not None:
                job.take_stock(there)
            self._change(job, Sign.RESTARTED)
            self._set_timer(job)
        self._look = asyncio.create_task(self._look_on())
        self._give_turns()

    async def close(self) -> None:
        """Stops all transfers where they are; the next server goes on. Closing twice is no
        error."""
        self._stopping = True
        working = [job.work for job in self._jobs.values() if job.work is not None]
        if self._look is not None:
            working.append(self._look)
        for task in working:
            task.cancel()
        for job in self._jobs.values():
            if job.timer is not None:
                job.timer.cancel()
        for tasks in (working, [*self._tasks]):
            if tasks:
                await asyncio.wait(tasks)
        for job in self._jobs.values():
            if job.unsaved:
                with contextlib.suppress(FunlandError):
                    await self._save(job)

    # What callers ask for.

    async def add(self, request: StartDownloadRequest, plan: Plan) -> Download:
        """Begins a download, or answers the unfinished one of the same files.

        Raises:
            FieldInvalidError: That one gives the model other names than are asked for.
            StorageFullError: The disk has no room for it, or for what is kept of it.
        """
        if (same := self._same(plan)) is not None:
            check_names(request, same.kept)
            if not request.paused:
                await self.act(same.download_id, Action.RESUME)
            return self.present(same)
        download = new_download(
            f"dl-{secrets.token_hex(8)}", request, plan, self._tools.settings.connections
        )
        arrival = max([time_ns() // 1000, *(job.arrival + 1 for job in self._jobs.values())])
        job = Job(download, plan, arrival)
        await self._tools.threads.run(self._check_room, job)
        await self._store.add(Kept(download, plan, arrival))
        self._jobs[job.download_id] = job
        self._publish(job.download_id)
        self._give_turns()
        return self.present(job)

    async def act(self, download_id: str, action: Action) -> Download:
        """Does what a caller asks for; it is kept on return.

        Raises:
            DownloadNotFoundError, DownloadStateError: It can't be done.
        """
        job = self.get(download_id)
        state = job.standing.state
        if not is_allowed(state, action):
            name = Download.State.Name(state)
            raise DownloadStateError(
                f"Download {download_id!r} is {name}: it can't {action.name.lower()}.",
                download_id=download_id,
                state=name,
                action=action.name.lower(),
            )
        self._happen(job, action)
        await self._save(job)
        return self.present(job)

    async def update(
        self, download_id: str, priority: Download.Priority.ValueType, connections: int | None
    ) -> Download:
        """Changes who goes first, or the most connections; 0 and None leave them as they are.

        Raises:
            DownloadNotFoundError, DownloadStateError: It can't be done.
        """
        job = self.get(download_id)
        if job.standing.state in ENDED:
            name = Download.State.Name(job.standing.state)
            raise DownloadStateError(
                f"Download {download_id!r} is {name}: nothing of it can be changed.",
                download_id=download_id,
                state=name,
                action="update",
            )
        if priority:
            job.kept.priority = priority
        if connections is not None:
            job.kept.max_connections = connections
            if job.transfer is not None:
                job.transfer.limit(connections)
        self._give_turns()
        self._publish_queue()
        await self._save(job)
        return self.present(job)

    async def delete(self, download_id: str) -> None:
        """Removes a download, and what was fetched of it if it is not complete.

        Raises:
            DownloadNotFoundError: There is none.
        """
        job = self.get(download_id)
        complete = job.standing.state == Download.COMPLETED
        self._happen(job, Action.CANCEL)
        await job.settled()
        self._jobs.pop(download_id, None)
        if not complete:
            await self._tools.threads.run(self._discard, job)
        await self._store.remove(download_id)
        self._publish(download_id)

    def get(self, download_id: str) -> Job:
        """A download; raises DownloadNotFoundError."""
        job = self._jobs.get(download_id)
        if job is None:
            raise DownloadNotFoundError(download_id)
        return job

    def all(self) -> list[Job]:
        """Every download, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.arrival)

    def present(self, job: Job) -> Download:
        """A download as it is now."""
        order = [place.download_id for place in queue([one.place for one in self._jobs.values()])]
        queued = job.standing.state == Download.QUEUED and job.download_id in order
        return job.present(order.index(job.download_id) + 1 if queued else 0)

    def waiting(self) -> list[Job]:
        """Those that are queued, in their order."""
        return [
            self._jobs[place.download_id]
            for place in queue([job.place for job in self._jobs.values()])
        ]

    # What happens.

    def _happen(self, job: Job, event: Event) -> None:
        if self._change(job, event):
            self._give_turns()
            self._publish_queue()

    def _change(self, job: Job, event: Event) -> bool:
        before = job.standing
        after, commands = step(before, event)
        if after == before:
            return False
        logger.info(
            "download_changed", download_id=job.download_id,
            state=Download.State.Name(after.state),
            **({"reason": after.error.message} if after.error is not None else {}),
        )  # fmt: skip
        job.stand(after)
        self._count(after.state)
        self._set_timer(job)
        if event is Action.RESUME and job.transfer is not None:
            job.transfer.ask_at_once()
        if after.state in (Download.PAUSED, *ENDED) and Command.STOP not in commands:
            job.end()
        for command in commands:
            self._do(job, command)
        self._publish(job.download_id)
        self._save_soon(job)
        return True

    def _count(self, state: State) -> None:
        active = sum(job.standing.state in ACTIVE for job in self._jobs.values())
        self._metrics.downloads_active.set(active)
        if state in ENDED:
            self._metrics.downloads_ended.labels(Download.State.Name(state)).inc()

    def _do(self, job: Job, command: Command) -> None:
        match command:
            case Command.STOP:
                if job.work is not None:
                    job.work.cancel()
            case Command.FETCH:
                self._after_work(job, lambda: self._fetch(job))
            case Command.INSTALL:
                self._after_work(job, lambda: self._install(job))
            case Command.DISCARD:
                job.end()
                if job.standing.state == Download.CANCELLED:
                    job.forget_bytes()
                self._after_work(job, lambda: self._tools.threads.run(self._discard, job))

    def _after_work(self, job: Job, work: Callable[[], Awaitable[None]]) -> None:
        """Does something for a download once what was being done for it has ended."""
        before = job.work

        async def then() -> None:
            if before is not None and (told := await wait_out(before)) is not None:
                raise told
            await work()

        job.work = asyncio.create_task(then())
        self._tasks.add(job.work)
        job.work.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("download_work_failed", exc_info=error)

    def _give_turns(self) -> None:
        if self._stopping or self._tools.web.offline:
            return  # those that are queued go on when the server is online again
        turns = decide([job.place for job in self._jobs.values()], self._settings.active)
        for download_id in turns.give_way:
            self._change(self._jobs[download_id], Sign.GIVE_WAY)
        for download_id in turns.begin:
            self._change(self._jobs[download_id], Sign.TURN)

    async def _fetch(self, job: Job) -> None:
        event = await self._outcome(job, self._transferred)
        if not isinstance(event, Stalled):  # what is known of the servers is of use after the wait
            job.end()
        self._happen(job, event)

    async def _transferred(self, job: Job) -> Event:
        transfer = job.transfer or job.begin(
            Transfer(
                job.plan.files,
                self._folder / job.download_id,
                self._tools,
                job.kept.max_connections,
            )
        )
        if self._installer.has(job.plan) is not None:
            transfer.take_as_done()
            return Sign.FETCHED
        await self._tools.threads.run(self._check_room, job)
        stalled = await transfer.run()
        if isinstance(stalled, NoServer):
            return Stalled(stalled.until, stalled.error.to_wire())
        return Sign.FETCHED

    async def _install(self, job: Job) -> None:
        self._happen(job, await self._outcome(job, self._installed))

    async def _installed(self, job: Job) -> Event:
        blobs = {file.path: file.sha256 for file in job.kept.files}
        job.kept.model_id = await self._installer.install(
            job.plan, job.kept.model_id, tuple(job.kept.aliases), blobs
        )
        return Sign.INSTALLED

    async def _outcome(self, job: Job, work: Callable[[Job], Awaitable[Event]]) -> Event:
        try:
            return await work(job)
        except StorageFullError as error:
            return Full(error.to_wire())
        except FunlandError as error:
            return Broken(error.to_wire())
        except asyncio.CancelledError:
            job.end()
            raise
        except Exception as error:
            return Broken(_unforeseen(job.download_id, error))

    def _set_timer(self, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None
        if job.standing.wait_until is not None and not self._stopping:
            seconds = max(job.standing.wait_until - time(), 0.0)
            loop = asyncio.get_running_loop()
            job.timer = loop.call_later(seconds, self._happen, job, Sign.TIME)

    # What is kept, and what is told.

    async def _save(self, job: Job) -> None:
        async with job.saving:
            job.unsaved = False
            try:
                await self._store.save(job.kept)
            except BaseException:
                job.unsaved = True
                raise

    def _save_soon(self, job: Job) -> None:
        job.unsaved = True
        task = asyncio.create_task(self._save_until_it_is(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _save_until_it_is(self, job: Job) -> None:
        """Saves a download. What the database has no room for is saved when it has."""
        told = False
        while job.unsaved:
            try:
                await self._save(job)
            except FunlandError as error:
                if not told:
                    logger.warning("download_not_saved", download_id=job.download_id,
                                   reason=error.message)  # fmt: skip
                told = True
                if self._stopping:
                    return
                await asyncio.sleep(_SAVE_AGAIN_SECONDS)

    async def _look_on(self) -> None:
        """Shows how those that are under way come on."""
        while True:
            await asyncio.sleep(1 / _LOOKS_A_SECOND)
            for job in self._jobs.values():
                if job.standing.state in ACTIVE:
                    self._publish(job.download_id)

    def _publish_queue(self) -> None:
        for job in self._jobs.values():
            if job.standing.state == Download.QUEUED:
                self._publish(job.download_id)

    # What lies on the disk.

    def _same(self, plan: Plan) -> Job | None:
        return next(
            (
                job
                for job in self._jobs.values()
                if job.standing.state not in ENDED
                and job.plan.origin == plan.origin
                and job.plan.files == plan.files
            ),
            None,
        )

    def _check_room(self, job: Job) -> None:
        free = shutil.disk_usage(_existing(self._folder)).free
        others = [
            other.need
            for other in list(self._jobs.values())
            if other is not job and other.standing.state in (*ACTIVE, Download.WAITING)
        ]
        if lacking(free, self._settings.reserve_bytes, others, job.need):
            raise StorageFullError

    def _discard(self, job: Job) -> None:
        folder = self._folder / job.download_id
        held = {*_noted(folder), *(file.sha256 for file in job.plan.files if file.sha256)}
        shutil.rmtree(folder, ignore_errors=True)
        wanted = _named(self._folder, [one for one in list(self._jobs.values()) if one is not job])
        for sha256 in held - wanted:
            self._tools.blobs.release(sha256)

    def _stock(self, jobs: Sequence[Job]) -> dict[str, list[int]]:
        """What is there of the files of unfinished downloads."""
        return {
            job.download_id: [
                bytes_there(path)
                for path in parts_of(self._folder / job.download_id, len(job.plan.files))
            ]
            for job in jobs
            if _keeps_files(job)
        }

    def _sweep(self, jobs: Sequence[Job]) -> None:
        """Removes folders and blobs that no download needs any more."""
        kept = {job.download_id for job in jobs if _keeps_files(job)}
        if self._folder.is_dir():
            for folder in self._folder.iterdir():
                if folder.is_dir() and folder.name not in kept:
                    shutil.rmtree(folder, ignore_errors=True)
        self._tools.blobs.sweep(_named(self._folder, jobs))


def _keeps_files(job: Job) -> bool:
    return job.standing.state not in (Download.COMPLETED, Download.CANCELLED)


def _named(folder: Path, jobs: Iterable[Job]) -> set[str]:
    """The blobs that downloads count on."""
    named: set[str] = set()
    for job in jobs:
        if _keeps_files(job):
            named |= {file.sha256 for file in job.plan.files if file.sha256}
            named |= _noted(folder / job.download_id)
    return named


def _noted(folder: Path) -> set[str]:
    return {DoneNote(path).read() for path in folder.glob("*.done")} - {""}


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _unforeseen(download_id: str, error: Exception) -> Error:
    error_id = uuid.uuid4().hex[:12]
    logger.error("unforeseen_error", error_id=error_id, download_id=download_id, exc_info=error)
    return InternalError(error_id).to_wire()
