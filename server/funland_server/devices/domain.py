"""The devices of this machine, for all that compute on them."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from funland.v1.hardware_pb2 import Device, DeviceEngine, ReaderProblem
from funland.v1.models_pb2 import LoadSettings
from funland_server.changes import Changes
from funland_server.devices.errors import DeviceNotFoundError
from funland_server.domain import Domain

_ENGINES = ((LoadSettings.LLAMA_CPP, "CPU"), (LoadSettings.OPENVINO, "CPU"),
            (LoadSettings.CTRANSLATE2, "cpu"))  # fmt: skip


class Devices(Domain):
    """What there is, and what it does now. Reading it costs nothing: readers work by themselves."""

    def __init__(self) -> None:
        self.changes = Changes()
        """The ids of devices that changed or were sampled anew."""

    @property
    def problems(self) -> Sequence[ReaderProblem]:
        """What could not be read at the last look."""
        return ()

    def all(self) -> Sequence[Device]:
        """Those that are or were there, with all details: the CPU first, then GPUs, then NPUs, each
        kind by number. They are the inventory's own: nobody changes them."""
        cpu = Device(
            device_id="cpu_0",
            kind=Device.CPU,
            state=Device.AVAILABLE,
            name=platform.processor(),
            architecture=platform.machine(),
            engines=[DeviceEngine(engine=engine, name=name) for engine, name in _ENGINES],
        )
        return (cpu,)

    def get(self, device_id: str) -> Device:
        """One of them.

        Raises:
            DeviceNotFoundError: None has that id.
        """
        for device in self.all():
            if device.device_id == device_id:
                return device
        raise DeviceNotFoundError(device_id)

    async def refresh(self) -> None:
        """Looks for devices anew, for a second at most; what is slower comes later by itself."""

    def announce_stop(self) -> None:
        """Ends the watches."""
        self.changes.close()
