"""The service of a test's own, over the fake hub: what is fetched, and what becomes of it.

Models and hubs are parts of their own; here a name is a repository of the fake hub's HuggingFace,
and an installed model is a folder of links.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from funland.v1.downloads_pb2 import Download, StartDownloadRequest
from funland.v1.models_pb2 import Model, Origin
from funland_server.blobs.store import Blobs
from funland_server.changes import Changes
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.jobs.jobs import Jobs, QueueSettings
from funland_server.downloads.listing import Listing
from funland_server.downloads.plan import Plan, PlannedFile
from funland_server.downloads.service import DownloadService
from funland_server.downloads.starting import Starting
from funland_server.downloads.store import DownloadStore
from funland_server.downloads.watching import Watching
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.storage.database import Database
from funland_server.tracing.spans import NO_TRACES, Tracing
from funland_server.web.fetching import Deadlines
from tests.hubs.server import FakeHub
from tests.server.conftest import until
from tests.server.downloads.fetching import Site

FAST = FetchSettings(first_backoff=0.01)


@dataclass(slots=True)
class Shelf:
    """The repositories of a fake HuggingFace, and models that are folders of links."""

    models: Path
    blobs: Blobs
    plans: Mapping[str, tuple[PlannedFile, ...]] = field(
        default_factory=dict[str, tuple[PlannedFile, ...]]
    )
    refuse: FunlandError | None = None
    """Why nothing can be installed."""

    async def resolve(self, request: StartDownloadRequest) -> Plan:
        return Plan(
            origin=Origin(
                hub=Origin.HUGGINGFACE, model_id=request.source, revision="1", variant="it"
            ),
            format=Model.GGUF,
            quantization="",
            files=self.plans[request.source],
            model_id=request.source.rpartition("/")[2],
            reason="It is the only one.",
        )

    async def install(
        self, plan: Plan, model_id: str, aliases: tuple[str, ...], blobs: Mapping[str, str]
    ) -> str:
        if self.refuse is not None:
            raise self.refuse
        folder = self.models / model_id
        folder.mkdir(parents=True, exist_ok=True)
        for path, sha256 in blobs.items():
            target = folder / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                self.blobs.link(sha256, target)
        return model_id

    def taken(self, model_id: str, aliases: tuple[str, ...], plan: Plan) -> str | None:
        return "taken" if "taken" in (model_id, *aliases) else None

    def has(self, plan: Plan) -> Path | None:
        folder = self.models / plan.model_id
        return folder if all((folder / file.path).exists() for file in plan.files) else None


def files_of(hub: FakeHub, name: str) -> tuple[PlannedFile, ...]:
    """The files of a repository, as its hub tells."""
    commit = hub.huggingface.repositories[name].newest
    return tuple(
        PlannedFile(
            path=path,
            size_bytes=file.content.length,
            sha256=file.content.sha256 if file.lfs else "",
            git_sha1="" if file.lfs else file.git_oid,
            urls=(f"{hub.huggingface.url}/{name}/resolve/{commit.id}/{path}",),
        )
        for path, file in commit.files.items()
    )


class Depot:
    """A server's downloads. `stop` and `start` are a restart."""

    def __init__(
        self,
        hub: FakeHub | None,
        home: Path,
        *,
        queue: QueueSettings | None = None,
        fetch: FetchSettings = FAST,
        deadlines: Deadlines | None = None,
        tracing: Tracing = NO_TRACES,
    ) -> None:
        self._tracing = tracing
        self.hub = hub
        self.home = home
        self.site = Site(home, settings=fetch, deadlines=deadlines)
        self.shelf = Shelf(home / "models", self.site.blobs)
        self.queue = Live(queue or QueueSettings())
        self._database = Database(home / "funland.sqlite3")

    async def start(self) -> None:
        await self._database.open()
        self.changes = Changes()
        self._jobs = Jobs.of(
            self.home / "downloads",
            DownloadStore(self._database, "home"),
            self.site.tools,
            self.shelf,
            settings=self.queue,
            metrics=self.site.metrics,
            publish=self.changes.publish,
            tracing=self._tracing,
        )
        await self._jobs.start()
        self.roster = self._jobs.roster
        self.service = DownloadService(
            Starting(self.shelf, self.shelf, self._jobs.control),
            self.roster,
            self._jobs.control,
            Listing(
                self.roster, self.home, self.site.tools.bucket, self.site.tools.threads,
                self.queue.map(lambda now: now.active), models=lambda: 0,
            ),
            Watching(self.roster, self.changes),
        )  # fmt: skip

    def look_again(self) -> None:
        """What a server does when its settings have changed."""
        self._jobs.runner.look_again()

    async def stop(self) -> None:
        self.changes.close()
        await self._jobs.close()
        await self.site.close()
        await self._database.close()

    async def begin(self, name: str, **fields: object) -> Download:
        """Starts a download of a repository."""
        if self.hub is not None:
            self.shelf.plans = {**self.shelf.plans, name: files_of(self.hub, name)}
        return await self.service.StartDownload(StartDownloadRequest(source=name, **fields))  # pyright: ignore[reportArgumentType] - a test names what it means

    def now(self, download: Download) -> Download:
        """How a download stands."""
        return self.roster.present(self.roster.get(download.download_id))

    async def reaches(self, download: Download, state: Download.State.ValueType) -> Download:
        """Waits until a download is in a state."""
        await until(lambda: self.now(download).state == state)
        return self.now(download)
