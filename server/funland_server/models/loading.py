"""Brings a model and the worker that holds it together."""

from __future__ import annotations

from collections.abc import Callable

from funland.v1.models_pb2 import LoadSettings
from funland_server.config import ServerSettings
from funland_server.models.catalog import ModelCatalog
from funland_server.models.installed import InstalledModel
from funland_server.workers.launch import WorkerSpec
from funland_server.workers.pool import WorkerPool
from funland_server.workers.worker import Worker


class ModelLoader:
    """Loads installed models with the server's settings."""

    def __init__(self, catalog: ModelCatalog, pool: WorkerPool, settings: ServerSettings) -> None:
        self._catalog = catalog
        self._pool = pool
        self._settings = settings

    async def worker(self, name: str) -> Worker:
        """The worker of the model of that name, loaded first if need be.

        Raises:
            ModelNotFoundError, or what its load may raise.
        """
        model = self._catalog.get(name)
        return await self._pool.acquire(self._spec(model, LoadSettings()), model.model_id)

    async def load(self, model: InstalledModel, settings: LoadSettings) -> None:
        """Loads a model with these settings."""
        await self._pool.load(self._spec(model, settings), model.model_id)

    def _spec(self, model: InstalledModel, wanted: LoadSettings) -> Callable[[], WorkerSpec]:
        """What makes the worker's spec, after a check of the file."""
        settings = LoadSettings(slots=self._settings.slots, threads=self._settings.threads)
        settings.MergeFrom(wanted)

        def make() -> WorkerSpec:
            self._catalog.verify(model)
            return WorkerSpec(
                model_id=model.model_id,
                path=model.path,
                settings=settings,
                max_context_length=self._settings.max_context_length,
            )

        return make
