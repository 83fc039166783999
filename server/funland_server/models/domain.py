"""Installed models, and the processes that hold them."""

from __future__ import annotations

import asyncio

from funland.v1 import models_pb2
from funland.v1.system_pb2 import PartHealth
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.errors import StartError
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.adapters.attaching import Attaching
from funland_server.models.adapters.store import Adapters
from funland_server.models.importing import Importing
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.installing import Installing
from funland_server.models.installed.store import ModelStore
from funland_server.models.loading.holders import Holders
from funland_server.models.loading.holding import Holding
from funland_server.models.loading.loader import ModelLoader
from funland_server.models.loading.measurements import Measurements
from funland_server.models.loading.pins import Pins
from funland_server.models.loading.placing import Placing
from funland_server.models.loading.served import ServedNames
from funland_server.models.service import ModelService
from funland_server.workers.place import Place
from funland_server.workers.pool import WorkerPool
from funland_server.workers.process import Launcher
from funland_server.workers.thrash import in_words


class Models(Domain):
    """What other domains use of it is there once it is started."""

    catalog: ModelCatalog
    adapters: Adapters
    loader: ModelLoader
    attaching: Attaching
    installing: Installing
    """Makes models of what was downloaded into `blobs`."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        devices: Devices,
        accelerations: Accelerations,
        *,
        files: Files,
        launcher: Launcher | None = None,
    ) -> None:
        """Without a `launcher` all workers run on this machine."""
        self._live = settings
        self._settings = settings.now
        self._changes = Changes()
        self.instances = Changes()
        """Keys of instances of models, as what the pool says of them changes."""
        self.served = ServedNames()
        """Names that something else than a model's own worker answers to."""
        self.holders = Holders()
        """Deployments, by the models that they are made of."""
        self._holding: Holding
        self._importing: Importing
        self._started = False
        self.blobs = files.blobs
        self._files = files
        self._measurements = Measurements(settings.now.home / "measurements")
        self._placing = Placing(devices, accelerations)
        self.pool = WorkerPool(
            settings,
            metrics,
            self._place_changed,
            self._measurements.note,
            look=self._placing.look,
            launcher=launcher,
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
            served=self.served,
            settings=self._live,
        )
        self.attaching = Attaching(self.adapters, self.loader, self.pool, self._changes.publish)
        pins = Pins(self._settings.home)
        await asyncio.to_thread(pins.read)
        self._holding = Holding(self.catalog, self.loader, self.pool, pins, self.holders)
        self.installing = Installing(
            self.catalog, self.blobs, self.adapters, self._changes.publish, self._holding.replaced
        )
        self._importing = Importing(self.catalog, self._files, self.adapters, self._holding)
        await self._holding.start()
        self._started = True

    def services(self) -> list[Service]:
        """Answers `ModelService`."""
        service = ModelService(
            self.catalog, self.adapters, self.pool, self.loader,
            files=self._files, importing=self._importing, attaching=self.attaching,
            holding=self._holding, changes=self._changes,
        )  # fmt: skip
        return [(models_pb2.DESCRIPTOR.services_by_name["ModelService"], service)]

    def health(self) -> dict[str, Probe]:
        """`models`: unwell if one was lost again and again, or could not be loaded, or if several
        push each other out of memory."""
        return {"models": self._health}

    def announce_stop(self) -> None:
        """Ends the watches."""
        self._changes.close()
        self.instances.close()

    async def stop(self) -> None:
        """Ends the workers."""
        if self._started:
            await self._importing.stop()
            await self._holding.stop()
        await self.pool.close()

    def _read_catalog(self) -> ModelCatalog:
        store = ModelStore(self._settings.home / "models", self.blobs)
        try:
            catalog = ModelCatalog(store, self._default_model(), self._changes.publish)
        except OSError as error:
            raise self._bad_home(error) from error
        if catalog.default_id not in {model.model_id for model in catalog.all()}:
            raise StartError(
                f"The default model {self._settings.default_model!r} is not installed; import it"
                " first, or leave out the setting default_model."
            )
        return catalog

    async def _health(self) -> Health:
        own = [place for place in self.pool.places() if not place.instance]
        unwell = [what for place in own if (what := _ailment(place))]
        unwell += map(in_words, self.pool.thrashing())
        return Health(PartHealth.DEGRADED, " ".join(unwell)) if unwell else Health()

    def _place_changed(self, place: Place) -> None:
        changes = self.instances if place.instance else self._changes
        changes.publish(place.key)

    def objections(self, settings: ServerSettings) -> dict[str, str]:
        """A default model that is not installed."""
        if self.catalog.find(settings.default_model) is None:
            return {"server.default_model": "it is no model that is installed"}
        return {}

    def _default_model(self) -> Live[str]:
        return self._live.map(lambda now: now.default_model)

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


def _ailment(place: Place) -> str:
    """What is wrong with a model; empty if nothing is."""
    if (seconds := place.retry_seconds) is not None:
        return f"{place.model_id} was lost again and again; it may start in {seconds:.0f} s."
    if place.error is not None:
        return f"{place.model_id} was not loaded: {place.error.message}"
    return ""
