"""What is told of devices, set for them and measured of them."""

from __future__ import annotations

from funland.v1 import hardware_pb2
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.domain import Domain, Service
from funland_server.hardware.service import HardwareService
from funland_server.models.domain import Models


class Hardware(Domain):
    """`devices` finds and watches them; here is what needs models too: benchmarks."""

    def __init__(self, devices: Devices, accelerations: Accelerations, models: Models) -> None:
        self._devices = devices
        self._accelerations = accelerations
        self._models = models

    def services(self) -> list[Service]:
        """Answers `HardwareService`."""
        service = HardwareService(self._devices, self._accelerations)
        return [(hardware_pb2.DESCRIPTOR.services_by_name["HardwareService"], service)]
