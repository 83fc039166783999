"""Installed models, and the processes that hold them."""

from __future__ import annotations

import asyncio

from funland.v1 import models_pb2
from funland_server.blobs.store import Blobs
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Service
from funland_server.errors import StartError
from funland_server.metrics import Metrics
from funland_server.models.adapters.store import Adapters
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.installing import Installing
from funland_server.models.installed.store import ModelStore
from funland_server.models.loading.loader import ModelLoader
from funland_server.models.loading.measurements import Measurements
from funland_server.models.loading.placing import Placing
from funland_server.models.service import ModelService
from funland_server.workers.pool import WorkerPool


class Models(Domain):
    """What other domains use of it is there once it is started."""

    catalog: ModelCatalog
    adapters: Adapters
    loader: ModelLoader
    installing: Installing
    """Makes models of what was downloaded into `blobs`."""

    def __init__(
        self,
        settings: ServerSettings,
        metrics: Metrics,
        devices: Devices,
        accelerations: Accelerations,
    ) -> None:
        self._settings = settings
        self._changes = Changes()
        self.blobs = Blobs(settings.home / "blobs")
        self._measurements = Measurements(settings.home / "measurements")
        self._placing = Placing(devices, accelerations)
        self.pool = WorkerPool(
            settings,
            metrics,
            self._changes.publish,
            self._measurements.note,
            look=self._placing.look,
        )

    async def start(self) -> None:
        """Reads the store."""
        self.catalog = await asyncio.to_thread(self._read_catalog)
        self.adapters = await asyncio.to_thread(self._read_adapters, self.catalog)
        self.loader = ModelLoader(
            self.catalog,
            self.adapters,
            self.pool,
            measurements=self._measurements,
            placing=self._placing,
            settings=self._settings,
        )
        self.installing = Installing(
            self.catalog, self.blobs, self.adapters, self._changes.publish, self.loader.replaced
        )

    def services(self) -> list[Service]:
        """Answers `ModelService`."""
        service = ModelService(self.catalog, self.adapters, self.pool, self.loader, self._changes)
        return [(models_pb2.DESCRIPTOR.services_by_name["ModelService"], service)]

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()

    async def stop(self) -> None:
        """Ends the workers."""
        await self.pool.close()

    def _read_catalog(self) -> ModelCatalog:
        store = ModelStore(self._settings.home / "models", self.blobs)
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

    def _read_adapters(self, catalog: ModelCatalog) -> Adapters:
        try:
            return Adapters(self._settings.home / "adapters", catalog.all(), self.blobs)
        except OSError as error:
            raise self._bad_home(error) from error

    def _bad_home(self, error: OSError) -> StartError:
        return StartError(
            f"The home {self._settings.home} can't be used ({error.strerror}); name another with"
            " --home or FUNLAND_HOME."
        )
