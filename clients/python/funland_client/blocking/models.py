# Generated from ../asynchronous/models.py by `make client`: edit that one.
"""The models that are installed on the server's machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Unpack

from funland.v1.models_pb2 import (
    DeleteModelRequest,
    DetachAdapterRequest,
    GetModelRequest,
    ListModelsRequest,
    Model,
    ModelDefaults,
    ModelEstimate,
    ModelEvent,
    PinModelRequest,
    UnloadModelRequest,
    UnpinModelRequest,
    WatchModelsRequest,
)
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland_client import requests
from funland_client.arguments import LoadArguments
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.files import Files
from funland_client.blocking.uploads import Uploads
from funland_client.errors import FunlandError
from funland_client.resumed_uploads import Progress

_KEPT_SECONDS: Final = 24 * 3600
"""For how long a file that was sent stays if nobody can say any more that it may go."""


class Models:
    """The models that are installed on the server's machine, as `client.models`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ModelServiceStub(connection.channel)

    def list(self) -> list[Model]:
        """Gets every installed model, ordered by id."""
        models: list[Model] = []
        request = ListModelsRequest()
        while True:
            page = self._connection.call(self._stub.ListModels, request)
            models.extend(page.models)
            if not page.next_page_token:
                return models
            request = ListModelsRequest(page_token=page.next_page_token)

    def get(self, model_id: str) -> Model:
        """Gets one model by id or alias."""
        return self._connection.call(self._stub.GetModel, GetModelRequest(model_id=model_id))

    def import_file(
        self,
        path: str | Path,
        model_id: str = "",
        *,
        aliases: Sequence[str] = (),
        sha256: str = "",
        projector: str | Path = "",
        replace: bool = False,
    ) -> Model:
        """Installs the model at the absolute `path`, a file or folder on the server's machine;
        of several GGUF files the first.

        An empty `model_id` is made from the file's name; a `sha256` of 64 hexadecimal digits is
        what a file must have. `projector` is the path of what shows it pictures or sounds. With
        `replace` it takes the place of a model of that id, if there is one.
        """
        request = requests.import_file(
            str(path), model_id, aliases, sha256, projector=str(projector), replace=replace
        )
        return self._connection.call(self._stub.ImportModel, request, once=True)

    def upload_file(
        self,
        path: str | Path,
        model_id: str = "",
        *,
        aliases: Sequence[str] = (),
        replace: bool = False,
        progress: Progress | None = None,
    ) -> Model:
        """Sends the GGUF file at `path` on this machine to the server, which installs it.

        An empty `model_id` is made from the file's name. `progress` is told how far the sending is.
        What was sent is the server's only as the model. With `replace` that takes the place of one
        of its id. Raises OSError if the file can't be read.
        """
        files = Files(self._connection)
        uploads = Uploads(self._connection)
        file = uploads.send(
            path, purpose="model", retention_seconds=_KEPT_SECONDS, progress=progress
        )
        try:
            request = requests.import_kept(file.file_id, model_id, aliases, replace=replace)
            return self._connection.call(self._stub.ImportModel, request, once=True)
        finally:
            with suppress(FunlandError):  # it goes by itself after a day
                files.delete(file.file_id)

    def derive(
        self,
        base_model: str,
        model_id: str,
        *,
        aliases: Sequence[str] = (),
        defaults: ModelDefaults | None = None,
        replace: bool = False,
    ) -> Model:
        """Installs another model of the files of an installed one, which are on the disk once.

        `defaults` are what calls of it get that say nothing of it; what they leave out is as with
        `base_model`. With `replace` it takes the place of a model of that id, which may be
        `base_model` itself.
        """
        request = requests.derive(base_model, model_id, aliases, defaults, replace=replace)
        return self._connection.call(self._stub.ImportModel, request, once=True)

    def load(self, model_id: str, **settings: Unpack[LoadArguments]) -> Model:
        """Loads a model into memory; returns when it is ready."""
        request = requests.load(model_id, settings)
        return self._connection.call(self._stub.LoadModel, request, once=True)

    def estimate(self, model_id: str, **settings: Unpack[LoadArguments]) -> ModelEstimate:
        """Tells what a process that holds a model would take of the memory, and what it took."""
        request = requests.estimate(model_id, settings)
        return self._connection.call(self._stub.EstimateModel, request)

    def unload(self, model_id: str, *, force: bool = False) -> Model:
        """Takes a model out of memory; its calls go on to their end, unless `force`. That ends its
        pin too."""
        request = UnloadModelRequest(model_id=model_id, force=force)
        return self._connection.call(self._stub.UnloadModel, request, once=True)

    def pin(self, model_id: str) -> Model:
        """Loads a model, if it is not loaded, and holds it in memory, after a restart of the server
        too."""
        request = PinModelRequest(model_id=model_id)
        return self._connection.call(self._stub.PinModel, request, once=True)

    def unpin(self, model_id: str) -> Model:
        """Ends a pin. The model stays in memory as others do, from now on counted."""
        request = UnpinModelRequest(model_id=model_id)
        return self._connection.call(self._stub.UnpinModel, request, once=True)

    def delete(self, model_id: str) -> None:
        """Unloads a model and removes its files."""
        request = DeleteModelRequest(model_id=model_id)
        self._connection.call(self._stub.DeleteModel, request, once=True)

    def attach(self, model_id: str, path: str | Path, adapter_id: str = "") -> Model:
        """Attaches the LoRA adapter at the absolute `path`, a GGUF on the server's machine.

        An empty `adapter_id` is made from the file's name. Calls name it in `adapters`.
        """
        request = requests.attach(model_id, str(path), adapter_id)
        return self._connection.call(self._stub.AttachAdapter, request, once=True)

    def detach(self, model_id: str, adapter_id: str) -> Model:
        """Detaches an adapter and removes its file from the store."""
        request = DetachAdapterRequest(model_id=model_id, adapter_id=adapter_id)
        return self._connection.call(self._stub.DetachAdapter, request, once=True)

    def watch(self, model_id: str = "") -> EventStream[ModelEvent]:
        """Gives every model, or one, as it is now, then again when it changes; has no timeout."""
        request = WatchModelsRequest(model_id=model_id)
        return self._connection.stream(self._stub.WatchModels, request, endless=True)
