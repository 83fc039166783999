"""Lists downloads, and counts what they take together."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from funland.v1.downloads_pb2 import (
    Download,
    DownloadQueue,
    ListDownloadsRequest,
    ListDownloadsResponse,
    Storage,
)
from funland_server.downloads.fetching.speed import Bucket
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.machine import ACTIVE, ENDED
from funland_server.downloads.jobs.roster import Roster
from funland_server.errors import FieldInvalidError, Violation
from funland_server.live import Live

_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """The downloads of a roster, in numbers."""

    roster: Roster
    home: Path
    bucket: Bucket
    threads: Threads
    most_active: Live[int]
    models: Callable[[], int]
    """How many models are installed, the built-in one not counted."""

    def page(self, request: ListDownloadsRequest) -> ListDownloadsResponse:
        """The newest first; raises FieldInvalidError for a token that is none."""
        before = _arrival(request.page_token)
        found = [
            job
            for job in self.roster.all()
            if (not request.states or job.standing.state in request.states)
            and (not request.model or request.model in _names(job))
        ]
        rest = [job for job in found if before is None or job.arrival < before][request.skip :]
        size = request.page_size or _PAGE_SIZE
        return ListDownloadsResponse(
            downloads=[self.roster.present(job) for job in rest[:size]],
            next_page_token=str(rest[size - 1].arrival) if len(rest) > size else "",
            total_size=len(found),
        )

    def queue(self) -> DownloadQueue:
        """All downloads together."""
        jobs = self.roster.all()
        count = Counter(job.standing.state for job in jobs)
        active = [
            self.roster.present(job)
            for job in reversed(jobs)
            if job.standing.state in (*ACTIVE, Download.WAITING)
        ]
        queue = DownloadQueue(
            queued=[self.roster.present(job) for job in self.roster.waiting()],
            active=active,
            paused=count[Download.PAUSED],
            completed=count[Download.COMPLETED],
            failed=count[Download.FAILED],
            cancelled=count[Download.CANCELLED],
            max_active=self.most_active.now,
            bytes_per_second=sum(download.bytes_per_second for download in active),
            downloaded_bytes=sum(self.roster.present(job).downloaded_bytes for job in jobs),
        )
        if self.bucket.rate is not None:
            queue.max_bytes_per_second = int(self.bucket.rate)
        return queue

    async def storage(self) -> Storage:
        """What is on the disk."""
        disk = shutil.disk_usage(self.home)
        models = await self.threads.run(
            _taken, [self.home / "models", self.home / "blobs", self.home / "conversions"]
        )
        return Storage(
            total_bytes=disk.total,
            free_bytes=disk.free,
            models_bytes=models,
            downloads_bytes=await self.threads.run(_taken, [self.home / "downloads"]),
            reserved_bytes=sum(job.need.rest for job in self.roster.all() if _is_unfinished(job)),
            models=self.models(),
        )


def _is_unfinished(job: Job) -> bool:
    return job.standing.state not in ENDED


def _names(job: Job) -> tuple[str, ...]:
    """What its model may be called, there and here; one of Ollama's has its tag in its id."""
    origin = job.plan.origin
    return origin.model_id, f"{origin.model_id}:{origin.variant}", job.kept.model_id


def _arrival(token: str) -> int | None:
    if not token:
        return None
    if not (token.isascii() and token.isdecimal() and len(token) < 20):  # noqa: PLR2004 - 64 bits
        raise FieldInvalidError(
            [Violation("page_token", "it must be the next_page_token of a page before")]
        )
    return int(token)


def _taken(folders: list[Path]) -> int:
    """What files take of the disk; what has several names counts once."""
    blocks: dict[tuple[int, int], int] = {}
    for folder in folders:
        for file in folder.rglob("*"):
            try:
                found = file.lstat()
            except OSError:  # gone meanwhile
                continue
            blocks[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(blocks.values())
