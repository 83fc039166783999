"""Carries downloads from their beginning to their end, across restarts of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import time
from typing import Final

import structlog

from funland.v1.downloads_pb2 import Download
from funland_server.downloads.jobs.disk import Disk
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.machine import (
    ACTIVE,
    ENDED,
    Action,
    Command,
    Event,
    Sign,
    State,
    step,
)
from funland_server.downloads.jobs.roster import Roster
from funland_server.downloads.jobs.turns import decide
from funland_server.downloads.jobs.work import Work
from funland_server.metrics import Metrics
from funland_server.storage.saving import Saving
from funland_server.storage.waiting_out import wait_out
from funland_server.web.waiting import LONGEST

logger = structlog.get_logger(__name__)

_LOOKS_A_SECOND: Final = 4


class Runner:
    """Does what the machine and the queue say, for every download of a roster."""

    def __init__(
        self,
        roster: Roster,
        work: Work,
        disk: Disk,
        saving: Saving[Job],
        *,
        active: Callable[[], int | None],
        metrics: Metrics,
        publish: Callable[[str], None],
    ) -> None:
        """`active` says how many have a turn at once, None if nothing is to be sent; `publish` is
        told the id of what changed."""
        self._roster = roster
        self._work = work
        self._disk = disk
        self._saving = saving
        self._active = active
        self._metrics = metrics
        self._publish = publish
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._look: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes up the downloads of the last server, and removes what belongs to none."""
        await self._disk.take_up()
        for job in self._roster:
            self._change(job, Sign.RESTARTED)
            self._set_timer(job)
        self._look = asyncio.create_task(self._look_on())
        self.give_turns()

    async def close(self) -> None:
        """Stops all transfers where they are; the next server goes on. Closing twice is no
        error."""
        self._stopping = True
        working = [job.work for job in self._roster if job.work is not None]
        if self._look is not None:
            working.append(self._look)
        for task in working:
            task.cancel()
        for job in self._roster:
            if job.timer is not None:
                job.timer.cancel()
        for tasks in (working, [*self._tasks]):
            if tasks:
                await asyncio.wait(tasks)
        await self._saving.close(self._roster)

    def happen(self, job: Job, event: Event) -> None:
        """Takes an event, with all that follows from it for this download and others."""
        if self._change(job, event):
            self.give_turns()
            self.publish_queue()

    def give_turns(self) -> None:
        """Gives turns to those whose they are."""
        if self._stopping:
            return
        turns = decide(self._roster.places, self._active())
        for download_id in turns.give_way:
            self._change(self._roster.get(download_id), Sign.GIVE_WAY)
        for download_id in turns.begin:
            self._change(self._roster.get(download_id), Sign.TURN)

    def look_again(self) -> None:
        """Gives turns anew: how many there are may have changed."""
        self.give_turns()
        self.publish_queue()

    def publish(self, job: Job) -> None:
        """Tells those who watch that a download changed."""
        self._publish(job.download_id)

    def publish_queue(self) -> None:
        """The same of all that are queued: each may have another place."""
        self._roster.reordered()
        for job in self._roster:
            if job.standing.state == Download.QUEUED:
                self.publish(job)

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
        self._roster.reordered()
        self._count(after.state)
        self._set_timer(job)
        if event is Action.RESUME and job.transfer is not None:
            job.transfer.ask_at_once()
        if after.state in (Download.PAUSED, *ENDED) and Command.STOP not in commands:
            job.end()
        for command in commands:
            self._do(job, command)
        self.publish(job)
        self._saving.save_soon(job)
        return True

    def _count(self, state: State) -> None:
        active = sum(job.standing.state in ACTIVE for job in self._roster)
        self._metrics.downloads_active.set(active)
        if state in ENDED:
            self._metrics.downloads_ended.labels(Download.State.Name(state)).inc()

    def _do(self, job: Job, command: Command) -> None:
        match command:
            case Command.STOP:
                if job.work is not None:
                    job.work.cancel()
            case Command.FETCH:
                self._after_work(job, lambda: self._outcome(job, self._work.fetch))
            case Command.INSTALL:
                self._after_work(job, lambda: self._outcome(job, self._work.install))
            case Command.DISCARD:
                job.end()
                if job.standing.state == Download.CANCELLED:
                    job.forget_bytes()
                self._after_work(job, lambda: self._disk.discard(job))

    async def to_its_end(self, work: Awaitable[None]) -> None:
        """Does something to its end, also if the caller is cancelled meanwhile."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if (told := await wait_out(task)) is not None:
            task.exception()  # asyncio would report that nobody asked
            raise told
        task.result()

    async def _outcome(self, job: Job, work: Callable[[Job], Awaitable[Event]]) -> None:
        self.happen(job, await work(job))

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

    def _set_timer(self, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None
        if job.standing.wait_until is not None and not self._stopping:
            # What is kept may be of a clock that went wrong.
            seconds = min(max(job.standing.wait_until - time(), 0.0), LONGEST)
            loop = asyncio.get_running_loop()
            job.timer = loop.call_later(seconds, self.happen, job, Sign.TIME)

    async def _look_on(self) -> None:
        """Shows how those that are under way come on."""
        while True:
            await asyncio.sleep(1 / _LOOKS_A_SECOND)
            for job in self._roster:
                if job.standing.state in ACTIVE:
                    self.publish(job)
