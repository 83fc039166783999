"""The downloads of one home in memory: who there is, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

from funland.v1.downloads_pb2 import Download
from funland_server.downloads.errors import DownloadNotFoundError
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.machine import ENDED
from funland_server.downloads.jobs.turns import Place, queue
from funland_server.downloads.plan import Plan


class Roster:
    """Every download that is kept."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._last_arrival = 0
        self._turns: dict[str, int] | None = None
        """In the queue, from 1; None: it has changed since they were last asked for."""

    def __iter__(self) -> Iterator[Job]:
        """Those there are now, in order of arrival, for a thread too."""
        return iter(list(self._jobs.values()))

    def add(self, job: Job) -> None:
        """Takes one in."""
        self._jobs[job.download_id] = job
        self._last_arrival = max(self._last_arrival, job.arrival)
        self.reordered()

    def next_arrival(self, now: int) -> int:
        """The number of the next to arrive: the time, unless the clock has jumped back."""
        return max(now, self._last_arrival + 1)

    def remove(self, job: Job) -> None:
        """Forgets one; one that is not there is no error."""
        self._jobs.pop(job.download_id, None)
        self.reordered()

    def get(self, download_id: str) -> Job:
        """A download; raises DownloadNotFoundError."""
        job = self._jobs.get(download_id)
        if job is None:
            raise DownloadNotFoundError(download_id)
        return job

    def all(self) -> list[Job]:
        """Every download, the newest first."""
        return sorted(self, key=lambda job: -job.arrival)

    def waiting(self) -> list[Job]:
        """Those that are queued, in their order."""
        return [self._jobs[place.download_id] for place in queue(self.places)]

    @property
    def places(self) -> list[Place]:
        """What the order depends on."""
        return [job.place for job in self]

    def same(self, plan: Plan) -> Job | None:
        """The unfinished download of the same files; None if there is none."""
        return next(
            (
                job
                for job in self
                if job.standing.state not in ENDED
                and job.plan.origin == plan.origin
                and job.plan.files == plan.files
            ),
            None,
        )

    def reordered(self) -> None:
        """A download's state or priority has changed, and with it the queue."""
        self._turns = None

    def present(self, job: Job) -> Download:
        """A download as it is now."""
        if job.standing.state != Download.QUEUED:
            return job.present(0)
        if self._turns is None:  # once for all: there may be thousands
            self._turns = {one.download_id: turn for turn, one in enumerate(self.waiting(), 1)}
        return job.present(self._turns.get(job.download_id, 0))
