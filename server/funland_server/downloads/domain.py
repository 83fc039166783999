"""Downloads of models: what they are made of, their start and their stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from funland.v1 import downloads_pb2
from funland.v1.downloads_pb2 import Download, StartDownloadRequest
from funland.v1.system_pb2 import PartHealth
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.downloads.errors import DownloadNotFoundError, DownloadStateError
from funland_server.downloads.fetching.alone import fetch
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.fetching.speed import Bucket
from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.jobs import Jobs, QueueSettings
from funland_server.downloads.jobs.machine import ACTIVE, ENDED, Action
from funland_server.downloads.listing import Listing
from funland_server.downloads.plan import Credentials, PlannedFile, Resolver
from funland_server.downloads.service import DownloadService
from funland_server.downloads.starting import Starting
from funland_server.downloads.store import DownloadStore
from funland_server.downloads.watching import Watching
from funland_server.errors import ServerStoppingError, StartError
from funland_server.home_id import home_id
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database
from funland_server.tracing.spans import NO_TRACES, Tracing
from funland_server.web.fetching import Web


class Downloads(Domain):
    """Those of one home."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        models: Models,
        *,
        web: Web,
        resolver: Resolver,
        credentials: Credentials,
        tracing: Tracing = NO_TRACES,
    ) -> None:
        """`models` installs what was downloaded; all requests go through `web`."""
        self._live = settings
        self._tracing = tracing
        self._settings = settings.now
        self._metrics = metrics
        self._database = database
        self._models = models
        self._resolver = resolver
        self.changes = Changes()
        """The ids of downloads, as they change."""
        self._tools = Tools(
            web=web,
            credentials=credentials,
            blobs=models.blobs,
            bucket=Bucket(settings.now.download_bytes_per_second),
            threads=Threads(),
            settings=settings.map(_fetch_settings),
            received=metrics.download_bytes.inc,
        )
        self._queue = settings.map(_queue_settings)
        self._jobs: Jobs | None = None

    async def start(self) -> None:
        """Goes on with what the last server did not finish."""
        folder = self._settings.home / "downloads"
        try:
            this_home = await asyncio.to_thread(home_id, self._settings.home)
        except OSError as error:
            raise StartError(
                f"The home {self._settings.home} can't be used ({error.strerror}); name another"
                " with --home or FUNLAND_HOME."
            ) from error
        self._jobs = Jobs.of(
            folder,
            DownloadStore(self._database, this_home),
            self._tools,
            self._models.installing,
            settings=self._queue,
            metrics=self._metrics,
            publish=self.changes.publish,
            tracing=self._tracing,
        )
        await self._jobs.start()
        self._live.tell(self._take)

    def services(self) -> list[Service]:
        """Answers `DownloadService`."""
        if (jobs := self._jobs) is None:
            return []
        catalog = self._models.catalog
        service = DownloadService(
            self._starting(jobs),
            jobs.roster,
            jobs.control,
            Listing(
                jobs.roster,
                self._settings.home,
                self._tools.bucket,
                self._tools.threads,
                self._queue.map(lambda now: now.active),
                models=lambda: sum(not model.built_in for model in catalog.all()),
            ),
            Watching(jobs.roster, self.changes),
        )
        return [(downloads_pb2.DESCRIPTOR.services_by_name["DownloadService"], service)]

    def health(self) -> dict[str, Probe]:
        """`downloads`: unwell if some failed, or wait for room on the disk."""
        return {"downloads": self._health}

    @property
    def active(self) -> int:
        """How many have a turn."""
        jobs = () if self._jobs is None else self._jobs.roster
        return sum(job.standing.state in ACTIVE for job in jobs)

    async def begin(self, request: StartDownloadRequest) -> Download:
        """Begins a download. Raises what `DownloadService.StartDownload` promises."""
        if (jobs := self._jobs) is None:
            raise ServerStoppingError
        return await self._starting(jobs).start(request)

    async def begin_again(self, download_id: str) -> Download | None:
        """Has one that failed, was cancelled or is paused go on; None if there is none of that id,
        or its model was installed and is not any more. Raises StorageFullError,
        StorageUnavailableError."""
        if (jobs := self._jobs) is None or (found := self.find(download_id)) is None:
            return None
        if found.state == Download.COMPLETED:
            return None
        action = Action.RETRY if found.state in ENDED else Action.RESUME
        return await jobs.control.act(download_id, action)

    def find(self, download_id: str) -> Download | None:
        """A download as it is; None if there is none of that id."""
        if self._jobs is None:
            return None
        try:
            return self._jobs.roster.present(self._jobs.roster.get(download_id))
        except DownloadNotFoundError:
            return None

    async def cancel(self, download_id: str) -> None:
        """Ends a download; one that has ended stays as it is, and one that is not there is no
        error. Raises StorageFullError, StorageUnavailableError."""
        if self._jobs is not None:
            with suppress(DownloadNotFoundError, DownloadStateError):
                await self._jobs.control.act(download_id, Action.CANCEL)

    async def fetch(
        self, files: Sequence[PlannedFile], folder: Path, told: Callable[[int], None]
    ) -> list[Path]:
        """Fetches files that are to be no model, in the order given, into a folder of one's own in
        the home; `told` hears how many bytes are there. What was fetched stays for the next time,
        if it is broken off.

        Each lies at `fetched/<number>-<SHA-256>`, as a link to a blob that is to be released.

        Raises:
            StorageFullError: The disk has no room.
            FunlandError: As a download that fails.
        """
        return await fetch(self._tools, files, folder, told)

    def _starting(self, jobs: Jobs) -> Starting:
        return Starting(self._resolver, self._models.installing, jobs.control)

    def announce_stop(self) -> None:
        """Ends the watches."""
        self.changes.close()

    async def _health(self) -> Health:
        jobs = () if self._jobs is None else self._jobs.roster
        unwell = [what for job in jobs if (what := _ailment(job))]
        return Health(PartHealth.DEGRADED, " ".join(unwell)) if unwell else Health()

    def _take(self, settings: ServerSettings) -> None:
        """Has what is under way go by changed settings."""
        self._tools.bucket.rate = settings.download_bytes_per_second
        if self._jobs is not None:
            self._jobs.runner.look_again()

    async def stop(self) -> None:
        """Stops what is under way; the next start goes on."""
        if self._jobs is not None:
            await self._jobs.close()
        self._tools.threads.close()


def _ailment(job: Job) -> str:
    """What is wrong with a download; empty if nothing is, or it mends itself."""
    standing = job.standing
    if standing.error is None or standing.state not in (Download.FAILED, Download.PAUSED):
        return ""
    did = "failed" if standing.state == Download.FAILED else "is paused"
    return f"{job.download_id} {did}: {standing.error.message}"


def _fetch_settings(settings: ServerSettings) -> FetchSettings:
    return FetchSettings(
        connections=settings.download_connections, patience=settings.download_patience_seconds
    )


def _queue_settings(settings: ServerSettings) -> QueueSettings:
    return QueueSettings(settings.download_jobs, settings.download_reserve_bytes)
