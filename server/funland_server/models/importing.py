"""Makes models of files on this machine, of files that were uploaded, and of other models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from funland.v1.models_pb2 import ImportModelRequest
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.domain import Files
from funland_server.models.adapters.exchange import Exchange
from funland_server.models.adapters.store import Adapters
from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.defaults import Defaults
from funland_server.models.installed.model import InstalledModel
from funland_server.models.installed.store import Beside
from funland_server.models.loading.holding import Holding
from funland_server.models.wanted import wanted_defaults

ADAPTER_ID: Final = "adapter"


@dataclass(frozen=True, slots=True)
class Base:
    """What a model has of what it is made of."""

    source: str = ""
    """What that is called; empty: by its path."""
    defaults: Defaults = field(default_factory=Defaults)
    projector: str = ""
    """The path of its projector; empty: it has none."""


class Importing:
    """The imports of one server. One goes on when its caller goes away: half of a model would else
    be left."""

    def __init__(
        self,
        catalog: ModelCatalog,
        files: Files,
        adapters: Adapters,
        holding: Holding,
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._adapters = adapters
        self._holding = holding
        self._running: set[asyncio.Task[InstalledModel]] = set()

    async def import_model(self, request: ImportModelRequest) -> InstalledModel:
        """Installs what a request says; see `models.proto`.

        Raises:
            FieldInvalidError: The path is not absolute, the SHA-256 is not of one file, or the
                template is not translated.
            UnknownFileError, FileElsewhereError, ModelNotFoundError: What it is made of is not
                here.
            ModelFileInvalidError, ModelFileChangedError, ModelFileMissingError, ModelExistsError
            AdapterInvalidError: The adapter is none for the model, which is not installed then, and
                takes nobody's place.
        """
        task = asyncio.create_task(self._import(request))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Waits for those that go on."""
        if self._running:
            await asyncio.wait(self._running)

    async def _import(self, request: ImportModelRequest) -> InstalledModel:
        adapter = request.adapter_file_id
        adapters = {ADAPTER_ID: await self._files.path(adapter)} if adapter else {}
        match request.WhichOneof("source"):
            case "file_id":
                model = await self._of_file(request, adapters)
            case "base_model":
                model = await self._of_model(request, adapters)
            case _:
                model = await self._add(request, request.path, Base(), adapters)
        return model

    async def _of_file(
        self, request: ImportModelRequest, adapters: Mapping[str, Path]
    ) -> InstalledModel:
        file = await self._files.get(request.file_id)
        path = await self._files.path(request.file_id)
        return await self._add(request, str(path), Base(file.name), adapters)

    async def _of_model(
        self, request: ImportModelRequest, adapters: Mapping[str, Path]
    ) -> InstalledModel:
        if not request.model_id:
            problem = "is required: another model of the same files needs a name of its own"
            raise FieldInvalidError([Violation("model_id", problem)])
        base = self._catalog.get(request.base_model)
        await asyncio.to_thread(self._catalog.verify, base)
        if not adapters and base.defaults.adapters:
            attached = await asyncio.to_thread(self._adapters.of, base.model_id)
            acting = base.defaults.adapters
            adapters = {name: attached[name] for name in acting if name in attached}
        source = base.model_id if base.built_in else base.source
        begun = Base(source, base.defaults, str(base.projector or ""))
        return await self._add(request, str(base.path), begun, adapters)

    async def _add(
        self,
        request: ImportModelRequest,
        path: str,
        base: Base,
        adapters: Mapping[str, Path],
    ) -> InstalledModel:
        defaults = wanted_defaults(base.defaults, request.defaults, tuple(adapters))
        return await self._catalog.import_file(
            path,
            request.model_id,
            tuple(request.aliases),
            request.sha256,
            source=base.source,
            defaults=_always(defaults),
            beside=self._preparing(adapters),
            projector_path=await self._projector(request) or base.projector,
            let_go=self._holding.replaced if request.replace else None,
        )

    def _preparing(self, files: Mapping[str, Path]) -> Callable[[InstalledModel], Beside]:
        """Has the adapters of a model be there when it is, and no others."""
        return lambda model: Exchange(self._adapters, model, self._adapters.prepare(model, files))

    async def _projector(self, request: ImportModelRequest) -> str:
        """Where the projector lies that is asked for; empty: none is."""
        if request.HasField("projector_file_id"):
            return str(await self._files.path(request.projector_file_id))
        return request.projector_path

    def _ended(self, task: asyncio.Task[InstalledModel]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # asyncio would report that nobody asked, where the caller went away


def _always(defaults: Defaults) -> Callable[[ModelHeader], Defaults]:
    return lambda _: defaults
