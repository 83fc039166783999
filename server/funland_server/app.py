"""Builds the server out of its parts: the only module that knows them all."""

from __future__ import annotations

import asyncio

import structlog

from funland.v1 import inference_pb2, models_pb2, responses_pb2, system_pb2
from funland_server.config import ServerSettings
from funland_server.errors import StartError
from funland_server.inference.generation import Generations
from funland_server.inference.service import InferenceService
from funland_server.metrics import Metrics
from funland_server.models.adapters import Adapters
from funland_server.models.catalog import ModelCatalog
from funland_server.models.changes import Changes
from funland_server.models.loading import ModelLoader
from funland_server.models.service import ModelService
from funland_server.models.store import ModelStore
from funland_server.responses.answering import Responses
from funland_server.responses.background import Background
from funland_server.responses.service import ResponseService
from funland_server.responses.store import ResponseStore
from funland_server.rpc.grpc_server import GrpcServer
from funland_server.rpc.local_channel import LocalChannel
from funland_server.rpc.pipeline import Pipeline
from funland_server.storage.database import Database
from funland_server.system.service import SystemService
from funland_server.workers.pool import WorkerPool

logger = structlog.get_logger(__name__)


class Server:
    """The gRPC server and all behind it.

    ```python
    server = Server(ServerSettings(port=0))
    await server.start()
    print(server.address)
    await server.stop(grace_seconds=10)
    ```
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._metrics = Metrics()
        self._pipeline = Pipeline(self._metrics)
        self._changes = Changes()
        self._pool = WorkerPool(settings, self._metrics, self._changes.publish)
        url = settings.database_url
        self._database = Database(
            settings.home / "funland.sqlite3" if url is None else url.get_secret_value()
        )
        self._background: Background | None = None
        self._grpc: GrpcServer | None = None
        self._address = ""
        self.channel = LocalChannel(self._pipeline)
        """Calls into this server from inside its process; it answers after `start`."""

    @property
    def address(self) -> str:
        """Where it listens, such as `127.0.0.1:50051`. Raises RuntimeError before `start`."""
        if not self._address:
            raise RuntimeError("The server is not started.")
        return self._address

    async def start(self) -> None:
        """Reads the store and listens.

        Raises:
            StartError: The home or its database can't be used, or there is no default model.
            OSError: The port is taken.
        """
        catalog = await asyncio.to_thread(self._catalog)
        adapters = await asyncio.to_thread(self._adapters, catalog)
        loader = ModelLoader(catalog, adapters, self._pool, self._settings)
        inference = InferenceService(Generations(loader, self._metrics), loader)
        await self._database.open()
        kept = ResponseStore(self._database, self._settings.response_days)
        self._background = background = Background(
            inference.StreamChat,
            kept,
            model_id=lambda name: catalog.get(name).model_id,
            settings=self._settings,
            metrics=self._metrics,
        )
        await background.recover()
        responses = Responses(inference.StreamChat, kept, background)
        for file, implementation in (
            (inference_pb2, inference),
            (models_pb2, ModelService(catalog, adapters, self._pool, loader, self._changes)),
            (responses_pb2, ResponseService(responses, background, kept)),
            (
                system_pb2,
                SystemService(
                    catalog,
                    self._pool,
                    self._metrics,
                    active_calls=lambda: self._pipeline.active,
                    stopping=lambda: self._pipeline.stopping,
                ),
            ),
        ):
            for service in file.DESCRIPTOR.services_by_name.values():
                self._pipeline.add(service, implementation)
        self._grpc = GrpcServer(self._pipeline, self._settings.send_timeout_seconds)
        self._address = await self._grpc.start(self._settings.host, self._settings.port)
        logger.info("server_listens", address=self._address, home=str(self._settings.home))

    async def stop(self, grace_seconds: float) -> None:
        """Takes no new calls, lets those under way and responses in the background go on for so
        long, then ends them and the workers. Stopping twice is no error."""
        self._changes.close()
        if self._grpc is not None:
            await self._grpc.announce_stop()
        if self._background is None:
            await self._pipeline.drain(grace_seconds)
        else:
            await asyncio.gather(
                self._pipeline.drain(grace_seconds), self._background.drain(grace_seconds)
            )
            await self._background.close()
        await self._pool.close()
        if self._grpc is not None:
            await self._grpc.stop()
        await self._database.close()
        logger.info("server_stopped")

    def _catalog(self) -> ModelCatalog:
        store = ModelStore(self._settings.home / "models")
        try:
            catalog = ModelCatalog(store, self._settings.default_model, self._changes.publish)
        except OSError as error:
            raise self._bad_home(error) from error
        if catalog.default_id not in {model.model_id for model in catalog.all()}:
            raise StartError(
                f"The default model {self._settings.default_model!r} is not installed; import it"
                " first, or leave out the setting default_model."
            )
        return catalog

    def _adapters(self, catalog: ModelCatalog) -> Adapters:
        try:
            return Adapters(self._settings.home / "adapters", catalog.all())
        except OSError as error:
            raise self._bad_home(error) from error

    def _bad_home(self, error: OSError) -> StartError:
        return StartError(
            f"The home {self._settings.home} can't be used ({error.strerror}); name another with"
            " --home or FUNLAND_HOME."
        )
