"""What is told of devices, set for them and measured of them."""

from __future__ import annotations

import asyncio

from funland.v1 import hardware_pb2
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Service
from funland_server.hardware.benchmarks import Benchmarks
from funland_server.hardware.service import HardwareService
from funland_server.hardware.store import BenchmarkStore
from funland_server.home_id import home_id
from funland_server.models.domain import Models
from funland_server.storage.database import Database


class Hardware(Domain):
    """`devices` finds and watches them; here is what needs models too: benchmarks."""

    def __init__(
        self,
        settings: ServerSettings,
        database: Database,
        devices: Devices,
        accelerations: Accelerations,
        models: Models,
    ) -> None:
        self._settings = settings
        self._database = database
        self._devices = devices
        self._accelerations = accelerations
        self._models = models
        self._benchmarks: Benchmarks | None = None

    async def start(self) -> None:
        """Makes benchmarks ready to run; none does unasked."""
        store = BenchmarkStore(
            self._database, await asyncio.to_thread(home_id, self._settings.home)
        )
        self._benchmarks = Benchmarks(self._devices, self._models, store)

    def services(self) -> list[Service]:
        """Answers `HardwareService`."""
        if self._benchmarks is None:
            return []
        service = HardwareService(self._devices, self._accelerations, self._benchmarks)
        return [(hardware_pb2.DESCRIPTOR.services_by_name["HardwareService"], service)]

    def announce_stop(self) -> None:
        """Ends benchmarks."""
        if self._benchmarks is not None:
            self._benchmarks.stop()
