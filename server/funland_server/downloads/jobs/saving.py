"""Writes what changes of downloads into the database, and again where that fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

import structlog

from funland_server.downloads.jobs.job import Job
from funland_server.downloads.store import DownloadStore
from funland_server.errors import FunlandError

logger = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 1.0


class Saving:
    """Saves downloads as they then are."""

    def __init__(self, store: DownloadStore) -> None:
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def save(self, job: Job) -> None:
        """Saves a download; raises FunlandError if the database can't."""
        async with job.saving:
            job.unsaved = False
            try:
                await self._store.save(job.kept)
            except BaseException:
                job.unsaved = True
                raise

    def save_soon(self, job: Job) -> None:
        """Has a download saved. What the database has no room for is saved when it has."""
        job.unsaved = True
        task = asyncio.create_task(self._save_until_it_is(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, jobs: Iterable[Job]) -> None:
        """Saves what is not saved yet, as far as the database can. Nothing may change any more."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait([*self._tasks])
        for job in jobs:
            if job.unsaved:
                with contextlib.suppress(FunlandError):
                    await self.save(job)

    async def _save_until_it_is(self, job: Job) -> None:
        told = False
        while job.unsaved:
            try:
                await self.save(job)
            except FunlandError as error:
                if not told:
                    logger.warning("download_not_saved", download_id=job.download_id,
                                   reason=error.message)  # fmt: skip
                told = True
                if self._stopping:
                    return
                await asyncio.sleep(_AGAIN_SECONDS)
