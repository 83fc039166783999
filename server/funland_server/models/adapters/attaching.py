"""Attaches adapters to models and detaches them, in the store and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from funland.v1.models_pb2 import LoadSettings
from funland_server.errors import FieldInvalidError, FunlandError, Violation
from funland_server.models.adapters.store import Adapters
from funland_server.models.installed.model import InstalledModel, slug
from funland_server.models.loading.loader import ModelLoader
from funland_server.workers.errors import AdapterInvalidError
from funland_server.workers.pool import WorkerPool


class Attaching:
    """One change at a time. A change goes on when its caller goes away: store and memory would else
    know different adapters."""

    def __init__(
        self,
        adapters: Adapters,
        loader: ModelLoader,
        pool: WorkerPool,
        changed: Callable[[str], None],
    ) -> None:
        """`changed` is called with the id of a model whose adapters are others now."""
        self._adapters = adapters
        self._loader = loader
        self._pool = pool
        self._changed = changed
        self._turn = asyncio.Lock()
        self._changes: set[asyncio.Task[None]] = set()

    async def attach(self, model: InstalledModel, path: str, adapter_id: str) -> None:
        """Attaches a file. A model that is in memory is loaded anew when its calls have ended; if
        its engine then refuses the adapter, it is detached again.

        Raises:
            FieldInvalidError: The path is not absolute.
            AdapterExistsError: The model has an adapter of that id.
            AdapterInvalidError: There is no such file, or it is no adapter for the model.
            FunlandError: What the model's load may raise.
        """
        source = Path(path)
        if "\0" in path or not source.is_absolute():
            raise FieldInvalidError([Violation("path", "must be an absolute path")])
        await self._alone(self._attach(model, adapter_id or slug(source.name), source))

    async def detach(self, model: InstalledModel, adapter_id: str) -> None:
        """Detaches an adapter and deletes its file. A model that is in memory is loaded anew when
        its calls have ended.

        Raises:
            AdapterNotFoundError: The model has none of that id.
            FunlandError: What the model's load may raise.
        """
        await self._alone(self._detach(model, adapter_id))

    async def _attach(self, model: InstalledModel, adapter_id: str, source: Path) -> None:
        async with self._turn:
            await asyncio.to_thread(self._adapters.add, model, adapter_id, source)
            self._changed(model.model_id)
            try:
                await self._refresh(model)
            except AdapterInvalidError:
                await self._remove(model, adapter_id)
                raise

    async def _detach(self, model: InstalledModel, adapter_id: str) -> None:
        async with self._turn:
            await self._remove(model, adapter_id)

    async def _remove(self, model: InstalledModel, adapter_id: str) -> None:
        await asyncio.to_thread(self._adapters.remove, model.model_id, adapter_id)
        self._changed(model.model_id)
        await self._refresh(model)

    async def _refresh(self, model: InstalledModel) -> None:
        """Loads a model anew that is in memory with other adapters than it has now."""
        if self._pool.place(model.model_id).loading:
            with suppress(FunlandError):  # told to those who wait for that load
                await self._loader.load(model, LoadSettings())
        worker = self._pool.worker(model.model_id)
        if worker is None:
            return
        files = await asyncio.to_thread(self._adapters.of, model.model_id)
        if worker.spec.adapters != files:
            await self._pool.unload(model.model_id, force=False)
            await self._loader.load(model, worker.spec.settings)

    async def _alone(self, change: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        await asyncio.shield(task)
