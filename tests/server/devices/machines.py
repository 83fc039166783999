"""Machines that tables are about: devices as their readers would tell of them."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.hardware_pb2 import AcceleratorDetails, Device, DeviceEngine, DeviceMetrics
from funland.v1.models_pb2 import LoadSettings
from funland_server.config import ServerSettings
from funland_server.devices.domain import Devices
from funland_server.metrics import Metrics

GIB = 1024**3


class Found(Devices):
    """Devices that a test made up."""

    def __init__(self, *devices: Device) -> None:
        super().__init__(ServerSettings(), Metrics(), ())
        self.devices = devices

    @property
    def engines_asked(self) -> bool:
        return True

    def all(self) -> Sequence[Device]:
        return self.devices

    def get(self, device_id: str) -> Device:
        return next(device for device in self.devices if device.device_id == device_id)

    async def settled(self, device_ids: Sequence[str] = ()) -> None:
        """They are known already."""

    async def sample(self) -> None:
        """They stay as they are."""


LLAMA, OPENVINO, CTRANSLATE2 = (
    LoadSettings.LLAMA_CPP,
    LoadSettings.OPENVINO,
    LoadSettings.CTRANSLATE2,
)


def cpu() -> Device:
    names = ((LLAMA, "CPU"), (OPENVINO, "CPU"), (CTRANSLATE2, "cpu"))
    engines = [DeviceEngine(engine=engine, name=name) for engine, name in names]
    return Device(device_id="cpu_0", kind=Device.CPU, state=Device.AVAILABLE, engines=engines)


def memory(total: float | None, used: float) -> DeviceMetrics | None:
    if total is None:
        return None
    return DeviceMetrics(memory_total_bytes=int(total * GIB), memory_used_bytes=int(used * GIB))


def nvidia(number: int, total: float | None = 24, used: float = 0, *, parent: str = "") -> Device:
    return Device(
        device_id=f"gpu_{number}",
        kind=Device.GPU,
        state=Device.AVAILABLE,
        shares_memory=False,
        parent_device_id=parent,
        engines=[
            DeviceEngine(engine=LLAMA, name=f"CUDA{number}", backend="CUDA"),
            DeviceEngine(engine=LLAMA, name=f"Vulkan{number}", backend="Vulkan"),
            DeviceEngine(engine=CTRANSLATE2, name=f"cuda:{number}"),
        ],
        metrics=memory(total, used),
    )


def intel(number: int, total: float | None = 32, *, discrete: bool = False) -> Device:
    return Device(
        device_id=f"gpu_{number}",
        kind=Device.GPU,
        state=Device.AVAILABLE,
        shares_memory=not discrete,
        engines=[
            DeviceEngine(engine=LLAMA, name=f"Vulkan{number}", backend="Vulkan"),
            DeviceEngine(engine=OPENVINO, name=f"GPU.{number}"),
        ],
        metrics=memory(total, 0),
    )


def npu() -> Device:
    return Device(
        device_id="npu_0",
        kind=Device.NPU,
        state=Device.AVAILABLE,
        shares_memory=True,
        engines=[DeviceEngine(engine=OPENVINO, name="NPU")],
        accelerator=AcceleratorDetails(max_prompt_tokens=1024),
    )


def emulated(number: int) -> Device:
    """Mesa's llvmpipe."""
    return Device(
        device_id=f"gpu_{number}",
        kind=Device.GPU,
        state=Device.AVAILABLE,
        emulated=True,
        engines=[DeviceEngine(engine=LLAMA, name=f"Vulkan{number}", backend="Vulkan")],
        metrics=memory(16, 0),
    )


def gone(number: int) -> Device:
    device = nvidia(number)
    device.state, device.state_reason = Device.UNAVAILABLE, "it was unplugged."
    return device
