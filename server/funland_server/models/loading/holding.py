"""Holds models in memory: pins, and what may be unloaded or deleted beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from funland.v1.models_pb2 import LoadSettings
from funland_server.errors import FunlandError
from funland_server.models.errors import ModelPinnedError
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.holders import Holders
from funland_server.models.loading.loader import ModelLoader
from funland_server.models.loading.pins import Pins
from funland_server.workers.holds import Hold
from funland_server.workers.pool import WorkerPool

logger = structlog.get_logger(__name__)


class Holding:
    """Which models of one server stay in memory, and which may leave it."""

    def __init__(
        self,
        catalog: ModelCatalog,
        loader: ModelLoader,
        pool: WorkerPool,
        pins: Pins,
        holders: Holders,
    ) -> None:
        self._catalog = catalog
        self._loader = loader
        self._pool = pool
        self._pins = pins
        self._holders = holders
        self._loading: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to load what is pinned; why one can't be is told as its state, and by health."""
        for model_id, since in self._pins.present.items():
            if (model := self._catalog.find(model_id)) is not None:
                self._pool.hold(model_id, Hold(since=since.timestamp()))
                self._begin(self._load(model))
            else:
                logger.warning("pin_ends", model=model_id, reason="it is not installed any more")
                await self._pins.remove(model_id)

    async def stop(self) -> None:
        """Ends the loads that go on in the background."""
        for task in self._loading:
            task.cancel()
        if self._loading:
            await asyncio.wait(self._loading)

    async def pin(self, model: InstalledModel) -> None:
        """Loads a model, if it is not loaded, and holds it in memory.

        Raises:
            FunlandError: What its load may raise.
            StorageFullError, StorageUnavailableError: That it is pinned can't be kept.
        """
        model_id = model.model_id
        await self._loader.load(model, LoadSettings())
        self._catalog.get(model_id)  # it may have been deleted meanwhile
        self._pool.hold(model_id, Hold())
        try:
            since = await self._pins.add(model_id)
        except FunlandError:
            if model_id not in self._pins.present:
                self._pool.release(model_id)
            raise
        self._pool.hold(model_id, Hold(since=since.timestamp()))

    async def unpin(self, model_id: str) -> None:
        """Ends a pin, if there is one. Raises StorageFullError or StorageUnavailableError."""
        await self._pins.remove(model_id)
        self._pool.release(model_id)

    async def unload(self, model: InstalledModel, *, force: bool) -> None:
        """Takes a model out of memory; see `WorkerPool.unload`.

        Raises:
            ModelPinnedError: It is pinned, and `force` is not set.
        """
        model_id = model.model_id
        if model_id in self._pins.present:
            if not force:
                raise ModelPinnedError(model_id)
            await self.unpin(model_id)
        await self._pool.unload(model_id, force=force)

    async def delete(self, model: InstalledModel) -> None:
        """Deletes a model, and its pin.

        Raises:
            ModelDeployedError: A deployment is made of it.
            FunlandError: See `ModelCatalog.remove`.
        """
        self._holders.check(model.model_id)
        await self._catalog.remove(model, self._forget)

    async def replaced(self, old: InstalledModel) -> None:
        """Unloads a model that another version has taken the place of; one that is pinned is loaded
        again."""
        await self._loader.replaced(old)
        model = self._catalog.find(old.model_id)
        if model is not None and model.model_id in self._pins.present:
            self._begin(self._load(model))

    async def _forget(self, model_id: str) -> None:
        await self.unpin(model_id)
        await self._loader.forget(model_id)

    async def _load(self, model: InstalledModel) -> None:
        try:
            await self._loader.load(model, LoadSettings())
        except FunlandError as error:
            logger.warning("pin_not_loaded", model=model.model_id, reason=error.message)

    def _begin(self, load: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(load)
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)
