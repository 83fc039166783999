"""What is done for a download that has a turn, and the event that it ends with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.fetching.transfer import Stalled as NoServer
from funland_server.downloads.fetching.transfer import Transfer
from funland_server.downloads.jobs.disk import Disk
from funland_server.downloads.jobs.job import Job
from funland_server.downloads.jobs.machine import Broken, Event, Full, Sign, Stalled
from funland_server.downloads.plan import Installer
from funland_server.errors import FunlandError, InternalError
from funland_server.storage.errors import StorageFullError
from funland_server.tracing.spans import NO_TRACES, Kind, Tracing, ending

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """Fetches and installs."""

    tools: Tools
    installer: Installer
    disk: Disk
    tracing: Tracing = NO_TRACES

    async def fetch(self, job: Job) -> Event:
        """Fetches all files of a download into the content store."""
        event = await self._traced("fetch", job, self._fetched)
        if not isinstance(event, Stalled):  # what is known of the servers is of use after the wait
            job.end()
        return event

    async def install(self, job: Job) -> Event:
        """Makes a model of the files of a download."""
        return await self._traced("install", job, self._installed)

    async def _fetched(self, job: Job) -> Event:
        transfer = job.transfer or job.begin(
            Transfer(job.plan.files, self.disk.folder_of(job), self.tools, job.kept.max_connections)
        )
        if self.installer.has(job.plan) is not None:
            transfer.take_as_done()
            return Sign.FETCHED
        await self.disk.check_room(job)
        stalled = await transfer.run()
        if isinstance(stalled, NoServer):
            return Stalled(stalled.until, stalled.error.to_wire())
        return Sign.FETCHED

    async def _installed(self, job: Job) -> Event:
        blobs = {file.path: file.sha256 for file in job.kept.files}
        job.kept.model_id = await self.installer.install(
            job.plan, job.kept.model_id, tuple(job.kept.aliases), blobs
        )
        return Sign.INSTALLED

    async def _traced(self, name: str, job: Job, work: Callable[[Job], Awaitable[Event]]) -> Event:
        """Each is a trace of its own, which tells of the call that asked for the download."""
        if not self.tracing.on:
            return await self._outcome(job, work)
        span = self.tracing.begin(
            f"download {name}",
            kind=Kind.CONSUMER.value,
            attributes={"funland.download_id": job.download_id},
            links=[job.trace] if job.trace else [],
        )
        with ending(span):
            event = await self._outcome(job, work)
            if isinstance(event, Stalled | Full | Broken):
                span.end(ErrorReason.Name(event.error.reason))
            return event

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


def _unforeseen(download_id: str, error: Exception) -> Error:
    error_id = uuid.uuid4().hex[:12]
    logger.error("unforeseen_error", error_id=error_id, download_id=download_id, exc_info=error)
    return InternalError(error_id).to_wire()
