"""`funland.v1.ModelService`: the wire on one side, catalog and pool on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf import empty_pb2

from funland.v1 import models_pb2
from funland_server.changes import Changes
from funland_server.files.domain import Files
from funland_server.models.adapters.attaching import Attaching
from funland_server.models.adapters.store import Adapters
from funland_server.models.errors import ModelNotFoundError
from funland_server.models.importing import Importing
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.model import InstalledModel, slug
from funland_server.models.loading.holding import Holding
from funland_server.models.loading.loader import ModelLoader
from funland_server.models.wire import to_wire
from funland_server.workers.pool import WorkerPool

_PAGE_SIZE = 100


class ModelService:
    """Answers the RPCs of `ModelService`; see `models.proto`."""

    def __init__(
        self,
        catalog: ModelCatalog,
        adapters: Adapters,
        pool: WorkerPool,
        loader: ModelLoader,
        *,
        files: Files,
        importing: Importing,
        attaching: Attaching,
        holding: Holding,
        changes: Changes,
    ) -> None:
        self._catalog = catalog
        self._adapters = adapters
        self._files = files
        self._importing = importing
        self._attaching = attaching
        self._pool = pool
        self._loader = loader
        self._holding = holding
        self._changes = changes

    async def ListModels(
        self, request: models_pb2.ListModelsRequest
    ) -> models_pb2.ListModelsResponse:
        """See `models.proto`."""
        models = self._catalog.all()
        # A page's token is the id that it begins after, so models that come and go disturb nothing.
        rest = [model for model in models if model.model_id > request.page_token]
        size = request.page_size or _PAGE_SIZE
        return models_pb2.ListModelsResponse(
            models=[self._wire(model) for model in rest[:size]],
            next_page_token=rest[size - 1].model_id if len(rest) > size else "",
            total_size=len(models),
        )

    async def GetModel(self, request: models_pb2.GetModelRequest) -> models_pb2.Model:
        """See `models.proto`."""
        return self._wire(self._catalog.get(request.model_id))

    async def ImportModel(self, request: models_pb2.ImportModelRequest) -> models_pb2.Model:
        """See `models.proto`."""
        return self._wire(await self._importing.import_model(request))

    async def LoadModel(self, request: models_pb2.LoadModelRequest) -> models_pb2.Model:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        await self._loader.load(model, request.settings)
        return self._wire(model)

    async def UnloadModel(self, request: models_pb2.UnloadModelRequest) -> models_pb2.Model:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        await self._holding.unload(model, force=request.force)
        return self._wire(model)

    async def DeleteModel(self, request: models_pb2.DeleteModelRequest) -> empty_pb2.Empty:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        await self._holding.delete(model)
        return empty_pb2.Empty()

    async def AttachAdapter(self, request: models_pb2.AttachAdapterRequest) -> models_pb2.Model:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        path, adapter_id = request.path, request.adapter_id
        if request.file_id:
            file = await self._files.get(request.file_id)
            path = str(await self._files.path(request.file_id))
            adapter_id = adapter_id or slug(file.name)
        await self._attaching.attach(model, path, adapter_id)
        return self._wire(model)

    async def DetachAdapter(self, request: models_pb2.DetachAdapterRequest) -> models_pb2.Model:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        await self._attaching.detach(model, request.adapter_id)
        return self._wire(model)

    async def EstimateModel(
        self, request: models_pb2.EstimateModelRequest
    ) -> models_pb2.ModelEstimate:
        """See `models.proto`."""
        return await self._loader.estimate(self._catalog.get(request.model_id), request.settings)

    async def PinModel(self, request: models_pb2.PinModelRequest) -> models_pb2.Model:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        await self._holding.pin(model)
        return self._wire(model)

    async def UnpinModel(self, request: models_pb2.UnpinModelRequest) -> models_pb2.Model:
        """See `models.proto`."""
        model = self._catalog.get(request.model_id)
        await self._holding.unpin(model.model_id)
        return self._wire(model)

    async def WatchModels(
        self, request: models_pb2.WatchModelsRequest
    ) -> AsyncGenerator[models_pb2.ModelEvent]:
        """See `models.proto`."""
        only = self._catalog.get(request.model_id).model_id if request.model_id else None
        async with aclosing(self._changes.watch()) as changes:
            await anext(changes)  # from here on, no change is missed
            for model in self._catalog.all():
                if only in (None, model.model_id):
                    yield models_pb2.ModelEvent(model=self._wire(model))
            yield models_pb2.ModelEvent(synced=empty_pb2.Empty())
            async for model_id in changes:
                if only in (None, model_id):
                    yield self._event(model_id)

    def _event(self, model_id: str) -> models_pb2.ModelEvent:
        try:
            return models_pb2.ModelEvent(model=self._wire(self._catalog.get(model_id)))
        except ModelNotFoundError:
            return models_pb2.ModelEvent(deleted_model_id=model_id)

    def _wire(self, model: InstalledModel) -> models_pb2.Model:
        default = model.model_id == self._catalog.default_id
        message = to_wire(model, self._pool, default=default)
        message.adapters.extend(
            models_pb2.Adapter(
                adapter_id=adapter_id,
                source=adapter.source,
                size_bytes=adapter.fingerprint.size_bytes,
                sha256=adapter.sha256,
            )
            for adapter_id, adapter in self._adapters.list(model.model_id).items()
        )
        return message
