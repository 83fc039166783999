"""Downloads of models: what they are made of, their start and their stop."""

from __future__ import annotations

import asyncio

from funland.v1 import downloads_pb2
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.fetching.speed import Bucket
from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.jobs.jobs import Jobs, QueueSettings
from funland_server.downloads.listing import Listing
from funland_server.downloads.plan import Credentials, Resolver
from funland_server.downloads.service import DownloadService
from funland_server.downloads.starting import Starting
from funland_server.downloads.store import DownloadStore
from funland_server.downloads.watching import Watching
from funland_server.errors import StartError
from funland_server.home_id import home_id
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database
from funland_server.web.fetching import Web


class Downloads(Domain):
    """Those of one home."""

    def __init__(
        self,
        settings: ServerSettings,
        metrics: Metrics,
        database: Database,
        models: Models,
        *,
        web: Web,
        resolver: Resolver,
        credentials: Credentials,
    ) -> None:
        """`models` installs what was downloaded; all requests go through `web`."""
        self._settings = settings
        self._metrics = metrics
        self._database = database
        self._models = models
        self._resolver = resolver
        self._changes = Changes()
        self._tools = Tools(
            web=web,
            credentials=credentials,
            blobs=models.blobs,
            bucket=Bucket(settings.download_bytes_per_second),
            threads=Threads(),
            settings=FetchSettings(
                connections=settings.download_connections,
                patience=settings.download_patience_seconds,
            ),
            received=metrics.download_bytes.inc,
        )
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
            settings=QueueSettings(
                self._settings.download_jobs, self._settings.download_reserve_bytes
            ),
            metrics=self._metrics,
            publish=self._changes.publish,
        )
        await self._jobs.start()

    def services(self) -> list[Service]:
        """Answers `DownloadService`."""
        if (jobs := self._jobs) is None:
            return []
        catalog = self._models.catalog
        service = DownloadService(
            Starting(self._resolver, self._models.installing, jobs.control),
            jobs.roster,
            jobs.control,
            Listing(
                jobs.roster,
                self._settings.home,
                self._tools.bucket,
                self._tools.threads,
                self._settings.download_jobs,
                models=lambda: sum(not model.built_in for model in catalog.all()),
            ),
            Watching(jobs.roster, self._changes),
        )
        return [(downloads_pb2.DESCRIPTOR.services_by_name["DownloadService"], service)]

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()

    async def stop(self) -> None:
        """Stops what is under way; the next start goes on."""
        if self._jobs is not None:
            await self._jobs.close()
        self._tools.threads.close()
