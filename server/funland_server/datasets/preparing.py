"""Reads what datasets are made of, in the background and one after the other."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog
from google.protobuf import json_format

from funland.v1.datasets_pb2 import Dataset, DatasetSource, DatasetVersion
from funland_server.datasets.errors import DatasetNotFoundError
from funland_server.datasets.process import read
from funland_server.datasets.reading.making import Order
from funland_server.datasets.shelf import Shelf
from funland_server.datasets.sources import Sources
from funland_server.datasets.store import DatasetStore
from funland_server.errors import FunlandError, InternalError
from funland_server.files.on_disk import to_its_end
from funland_server.storage.errors import StorageFullError, StorageUnavailableError

logger = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 1.0
_FETCHING: Final = 50.0
"""Percent of a hub's dataset that are its way here."""


class Preparing:
    """The readings of one home."""

    def __init__(
        self,
        store: DatasetStore,
        shelf: Shelf,
        sources: Sources,
        publish: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        """`publish` is told the id of what changed; `now` is the time in microseconds since
        1970."""
        self._store = store
        self._shelf = shelf
        self._sources = sources
        self._publish = publish
        self._now = now
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._current = ""
        self._work: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None
        self._percent: float | None = None

    async def start(self) -> None:
        """Takes up what the last server did not read to its end."""
        unread = await self._store.unread()
        await to_its_end(self._shelf.sweep, await self._store.here(), set(unread))
        self._waiting = dict.fromkeys(unread)
        self._wake.set()
        self._loop = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends what is being read; the next server begins it anew. Closing twice is no error."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    def add(self, dataset_id: str) -> None:
        """Has a dataset read when its turn comes."""
        self._waiting[dataset_id] = None
        self._wake.set()

    async def forget(self, dataset_id: str) -> None:
        """Reads no more of a dataset, which is gone."""
        self._waiting.pop(dataset_id, None)
        if dataset_id == self._current and (work := self._work) is not None:
            work.cancel()
            await asyncio.wait([work])

    def percent(self, dataset: Dataset) -> float | None:
        """How far reading is, from 0 to 100; None: nothing of it is read."""
        return self._percent if dataset.dataset_id == self._current else None

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            self._current = next(iter(self._waiting))
            del self._waiting[self._current]
            self._work = asyncio.create_task(self._prepare(self._current))
            try:
                await asyncio.wait([self._work])
            finally:
                self._work.cancel()
                await asyncio.wait([self._work])
                if not self._work.cancelled() and (error := self._work.exception()) is not None:
                    logger.error("dataset_work_failed", exc_info=error)
                self._current, self._percent = "", None

    async def _prepare(self, dataset_id: str) -> None:
        try:
            await self._settle(dataset_id, await self._outcome(dataset_id))
        except DatasetNotFoundError:
            await to_its_end(self._shelf.remove, dataset_id)
        else:
            await to_its_end(self._shelf.clear, dataset_id)
        self._publish(dataset_id)

    async def _outcome(self, dataset_id: str) -> DatasetVersion | FunlandError:
        """The version that was made, or why there is none. Raises DatasetNotFoundError."""
        try:
            kept = await self._store.get(dataset_id)
            self._publish(dataset_id)
            return await self._made(dataset_id, kept.source)
        except DatasetNotFoundError:
            raise
        except FunlandError as error:
            return error
        except Exception:
            error_id = uuid.uuid4().hex[:12]
            logger.exception("unforeseen_error", error_id=error_id, dataset_id=dataset_id)
            return InternalError(error_id)

    async def _made(self, dataset_id: str, source: DatasetSource) -> DatasetVersion:
        work = await to_its_end(self._shelf.work, dataset_id)
        fetches = source.WhichOneof("source") == "hub"
        begin = _FETCHING if fetches else 0.0
        inputs = await self._sources.bring(
            source, work, lambda part: self._is_at(dataset_id, _FETCHING * part)
        )
        await self._sources.check_room(inputs.size_bytes)
        limits = self._sources.limits.now
        order = Order(
            inputs=inputs.files,
            output=str(work / "rows"),
            form=DatasetVersion.Form.Name(source.form) if source.form else "",
            longest_row=limits.row,
            most_bytes=limits.dataset,
        )
        size = max(inputs.size_bytes, 1)
        told = await read(
            order, lambda done: self._is_at(dataset_id, begin + (100 - begin) * done / size)
        )
        version = DatasetVersion()
        json_format.ParseDict(told, version)
        await to_its_end(self._shelf.place, Path(order.output), dataset_id, version.sha256)
        return version

    async def _settle(self, dataset_id: str, outcome: DatasetVersion | FunlandError) -> None:
        """Notes what came of it, as soon as the database takes it."""

        def write() -> Awaitable[None]:
            if isinstance(outcome, DatasetVersion):
                return self._store.finished(dataset_id, outcome, self._now())
            logger.warning("dataset_not_read", dataset_id=dataset_id, reason=outcome.message)
            return self._store.failed(dataset_id, outcome.to_wire(), self._now())

        while True:
            try:
                return await write()
            except (StorageFullError, StorageUnavailableError) as error:
                logger.warning("dataset_not_saved", dataset_id=dataset_id, reason=error.message)
                await asyncio.sleep(_AGAIN_SECONDS)

    def _is_at(self, dataset_id: str, percent: float) -> None:
        before = self._percent
        self._percent = min(max(percent, 0.0), 100.0)
        if before is None or int(before) != int(self._percent):
            self._publish(dataset_id)
