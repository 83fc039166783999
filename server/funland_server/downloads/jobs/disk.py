"""What downloads have on the disk: their unfinished files, and the blobs that they count on."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from funland.v1.downloads_pb2 import Download
from funland_server.blobs.store import Blobs
from funland_server.downloads.files.done_note import DoneNote
from funland_server.downloads.files.partial import bytes_there, parts_of
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.machine import ACTIVE
from funland_server.downloads.jobs.roster import Roster
from funland_server.downloads.jobs.space import lacking
from funland_server.live import Live
from funland_server.storage.errors import StorageFullError


@dataclass(frozen=True, slots=True)
class Disk:
    """The place of a roster's downloads."""

    folder: Path
    """Where unfinished files are: a folder for each download."""
    blobs: Blobs
    threads: Threads
    roster: Roster
    reserve_bytes: Live[int]
    """What stays free."""

    def folder_of(self, job: Job) -> Path:
        """Where the unfinished files of a download are."""
        return self.folder / job.download_id

    async def check_room(self, job: Job) -> None:
        """Raises StorageFullError if there is no room for a download beside those under way."""
        await self.threads.run(self._check_room, job)

    async def discard(self, job: Job) -> None:
        """Removes what was fetched of a download, but for what others count on."""
        await self.threads.run(self._discard, job)

    async def take_up(self) -> None:
        """Tells each download what is left of it, and removes what belongs to none."""
        jobs = tuple(self.roster)
        await self.threads.run(self._sweep, jobs)
        stock = await self.threads.run(self._stock, jobs)
        for job in jobs:
            if (there := stock.get(job.download_id)) is not None:
                job.take_stock(there)

    def _check_room(self, job: Job) -> None:
        free = shutil.disk_usage(_existing(self.folder)).free
        others = [
            other.need
            for other in self.roster
            if other is not job and other.standing.state in (*ACTIVE, Download.WAITING)
        ]
        if lacking(free, self.reserve_bytes.now, others, job.need):
            raise StorageFullError

    def _discard(self, job: Job) -> None:
        folder = self.folder_of(job)
        held = {*_noted(folder), *(file.sha256 for file in job.plan.files if file.sha256)}
        shutil.rmtree(folder, ignore_errors=True)
        for sha256 in held:
            self.blobs.release(sha256)

    def _stock(self, jobs: Iterable[Job]) -> dict[str, list[int]]:
        """What is there of the files of unfinished downloads."""
        return {
            job.download_id: [
                bytes_there(path) for path in parts_of(self.folder_of(job), len(job.plan.files))
            ]
            for job in jobs
            if _keeps_files(job)
        }

    def _sweep(self, jobs: Iterable[Job]) -> None:
        """Removes folders and blobs that no download needs any more."""
        kept = {job.download_id for job in jobs if _keeps_files(job)}
        if self.folder.is_dir():
            for folder in self.folder.iterdir():
                if folder.is_dir() and folder.name not in kept:
                    shutil.rmtree(folder, ignore_errors=True)
        self.blobs.keep_for(self._counted_on)
        self.blobs.sweep()

    def _counted_on(self) -> set[str]:
        """The blobs that downloads count on."""
        named: set[str] = set()
        for job in self.roster:
            if _keeps_files(job):
                named |= {file.sha256 for file in job.plan.files if file.sha256}
                named |= _noted(self.folder_of(job))
        return named


def _keeps_files(job: Job) -> bool:
    return job.standing.state not in (Download.COMPLETED, Download.CANCELLED)


def _noted(folder: Path) -> set[str]:
    return {DoneNote(path).read() for path in folder.glob("*.done")} - {""}


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
