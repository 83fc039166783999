"""What callers ask of downloads: to begin, to stop, to go on, to go first, to go away."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from time import time_ns

from funland.v1.downloads_pb2 import Download, StartDownloadRequest
from funland_server.downloads.errors import DownloadStateError
from funland_server.downloads.jobs.disk import Disk
from funland_server.downloads.jobs.job import Job, check_names, new_download
from funland_server.downloads.jobs.machine import ENDED, Action, is_allowed
from funland_server.downloads.jobs.roster import Roster
from funland_server.downloads.jobs.runner import Runner
from funland_server.downloads.plan import Plan
from funland_server.downloads.store import DownloadStore, Kept
from funland_server.live import Live
from funland_server.storage.saving import Saving


@dataclass(frozen=True, slots=True)
class Control:
    """Does it, and answers when it is kept."""

    roster: Roster
    runner: Runner
    saving: Saving[Job]
    store: DownloadStore
    disk: Disk
    connections: Live[int]
    """The most that a download has unless another number is asked for."""
    _adding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """So that who asks at the same time for the same files finds the same download."""

    async def add(self, request: StartDownloadRequest, plan: Plan) -> Download:
        """Begins a download, or answers the unfinished one of the same files.

        Raises:
            FieldInvalidError: That one gives the model other names than are asked for.
            StorageFullError: The disk has no room for it, or for what is kept of it.
        """
        async with self._adding:
            if (same := self.roster.same(plan)) is None:
                return self.roster.present(await self._new(request, plan))
        check_names(request, same.kept)
        if not request.paused:
            await self.act(same.download_id, Action.RESUME)
        return self.roster.present(same)

    async def _new(self, request: StartDownloadRequest, plan: Plan) -> Job:
        download = new_download(f"dl-{secrets.token_hex(8)}", request, plan, self.connections.now)
        arrival = self.roster.next_arrival(time_ns() // 1000)
        job = Job(download, plan, arrival)
        await self.disk.check_room(job)
        await self.store.add(Kept(download, plan, arrival))
        self.roster.add(job)
        self.runner.publish(job)
        self.runner.give_turns()
        return job

    async def act(self, download_id: str, action: Action) -> Download:
        """Does what a caller asks for; it is kept on return.

        Raises:
            DownloadNotFoundError, DownloadStateError: It can't be done.
        """
        job = self.roster.get(download_id)
        if not is_allowed(job.standing.state, action):
            raise _state_error(job, action.name.lower(), f"it can't {action.name.lower()}")
        self.runner.happen(job, action)
        await self.saving.save(job)
        return self.roster.present(job)

    async def update(
        self, download_id: str, priority: Download.Priority.ValueType, connections: int | None
    ) -> Download:
        """Changes who goes first, or the most connections; 0 and None leave them as they are.

        Raises:
            DownloadNotFoundError, DownloadStateError: It can't be done.
        """
        job = self.roster.get(download_id)
        if job.standing.state in ENDED:
            raise _state_error(job, "update", "nothing of it can be changed")
        job.revise(priority, connections)
        self.runner.publish(job)
        self.runner.give_turns()
        self.runner.publish_queue()
        await self.saving.save(job)
        return self.roster.present(job)

    async def delete(self, download_id: str) -> None:
        """Removes a download, and what was fetched of it if it is not complete. Nobody finds it
        from the start on, and it comes to its end if the caller is cancelled.

        Raises:
            DownloadNotFoundError: There is none.
            StorageFullError, StorageUnavailableError: It stays, cancelled if it had not ended.
        """
        job = self.roster.get(download_id)
        self.runner.happen(job, Action.CANCEL)
        self.roster.remove(job)
        await self.runner.to_its_end(self._forget(job))

    async def _forget(self, job: Job) -> None:
        try:
            await job.settled()
            if job.standing.state != Download.COMPLETED:
                await self.disk.discard(job)
            await self.store.remove(job.download_id)
        except BaseException:
            self.roster.add(job)
            raise
        finally:
            self.runner.publish(job)


def _state_error(job: Job, action: str, why: str) -> DownloadStateError:
    state = Download.State.Name(job.standing.state)
    return DownloadStateError(
        f"Download {job.download_id!r} is {state}: {why}.",
        download_id=job.download_id,
        state=state,
        action=action,
    )
