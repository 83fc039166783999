"""The downloads of one home, put together of their parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.jobs.control import Control
from funland_server.downloads.jobs.disk import Disk
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.roster import Roster
from funland_server.downloads.jobs.runner import Runner
from funland_server.downloads.jobs.work import Work
from funland_server.downloads.plan import Installer
from funland_server.downloads.store import DownloadStore
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.storage.saving import Saving
from funland_server.tracing.spans import NO_TRACES, Tracing

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the settings say of all downloads together."""

    active: int = 2
    """How many have a turn at once."""
    reserve_bytes: int = 0
    """What stays free on the disk."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Who there is, what happens to them, and what callers may ask."""

    store: DownloadStore
    roster: Roster
    runner: Runner
    control: Control

    @classmethod
    def of(
        cls,
        folder: Path,
        store: DownloadStore,
        tools: Tools,
        installer: Installer,
        *,
        settings: Live[QueueSettings],
        metrics: Metrics,
        publish: Callable[[str], None],
        tracing: Tracing = NO_TRACES,
    ) -> Jobs:
        """`folder` is where unfinished files are; `publish` is told the id of what changed."""
        roster = Roster()
        saving = Saving[Job](lambda job: store.save(job.kept), _not_saved)
        disk = Disk(
            folder, tools.blobs, tools.threads, roster, settings.map(lambda now: now.reserve_bytes)
        )
        runner = Runner(
            roster,
            Work(tools, installer, disk, tracing),
            disk,
            saving,
            active=lambda: None if tools.web.offline else settings.now.active,
            metrics=metrics,
            publish=publish,
        )
        control = Control(
            roster, runner, saving, store, disk, tools.settings.map(lambda now: now.connections)
        )
        return cls(store, roster, runner, control)

    async def start(self) -> None:
        """Goes on with what the last server did not finish."""
        for kept in await self.store.all():
            self.roster.add(Job(kept.download, kept.plan, kept.arrival))
        await self.runner.start()

    async def close(self) -> None:
        """Stops where they are. Closing twice is no error."""
        await self.runner.close()


def _not_saved(job: Job, error: FunlandError) -> None:
    logger.warning("download_not_saved", download_id=job.download_id, reason=error.message)
