"""Models on devices that fail, and those that have no room, with real workers.

The devices are made up: llama.cpp has no `Vulkan9`, so a load there fails as it does on a device
whose driver went away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import LoadedModel, LoadSettings
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.errors import DeviceUnavailableError
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.measurements import Measurement
from funland_server.models.loading.placing import Load, Placing
from funland_server.models.loading.sizes import sizes
from funland_server.models.wire import to_wire
from funland_server.workers.errors import EngineUnavailableError, ModelTooLargeError
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.taken import Taken
from tests.server.devices.machines import Found, cpu, gone, npu, nvidia
from tests.server.home_files import files_of
from tests.server.workers.conftest import drain, short

MODEL = "funland-tiny"
BROKEN = nvidia(9)
SMALL = nvidia(8, 0.001)


class Loading:
    """Models on a machine that a test made up."""

    def __init__(self, settings: ServerSettings, *devices: Device) -> None:
        self.devices = Found(cpu(), *devices)
        self.accelerations = Accelerations(settings.home, self.devices)
        self.models = Models(
            Live(settings), Metrics(), self.devices, self.accelerations, files=files_of(settings)
        )

    @property
    def model(self) -> InstalledModel:
        return self.models.catalog.get(MODEL)

    async def load(self, **wanted: object) -> LoadedModel:
        await self.models.loader.load(self.model, LoadSettings(**wanted))  # type: ignore[arg-type]  # fields of it
        return to_wire(self.model, self.models.pool, default=True).loaded


@pytest.fixture
async def loading(settings: ServerSettings) -> AsyncIterator[Loading]:
    settings.home.mkdir(parents=True)
    loading = Loading(settings, SMALL, BROKEN, gone(7))
    await loading.models.start()
    yield loading
    await loading.models.stop()


async def test_a_device_that_fails_at_the_load_is_no_reason_for_the_cpu_unasked(
    loading: Loading,
) -> None:
    with pytest.raises(FunlandError) as raised:
        await loading.load(device_ids=["gpu_9"])

    assert isinstance(raised.value, EngineUnavailableError)
    assert loading.models.pool.worker(MODEL) is None


@pytest.mark.parametrize("device_id", ["gpu_9", "gpu_8", "gpu_7"])
@pytest.mark.parametrize("asked", ["load", "acceleration"])
async def test_a_device_that_fails_has_the_cpu_in_its_place_if_that_is_allowed(
    loading: Loading, device_id: str, asked: str
) -> None:
    wanted: dict[str, object] = {"device_ids": [device_id], "gpu_layers": 8}
    if asked == "load":
        wanted["fallback_to_cpu"] = True
    else:
        await loading.accelerations.set(Acceleration(fallback_to_cpu=True))

    loaded = await loading.load(**wanted)

    assert list(loaded.device_ids) == ["cpu_0"]
    assert loaded.fallback_reason
    assert loaded.HasField("memory_limit_bytes")
    assert not loaded.device_memory
    calls = await loading.models.loader.worker(MODEL)
    assert calls.device_ids == ("cpu_0",)
    assert await drain(calls, short())
    again = await loading.load(device_ids=[device_id], gpu_layers=8)
    assert again.load_time == loaded.load_time, "it was tried again"


async def test_a_load_that_forbids_it_goes_before_what_the_machine_allows(
    loading: Loading,
) -> None:
    await loading.accelerations.set(Acceleration(fallback_to_cpu=True))

    with pytest.raises(DeviceUnavailableError):
        await loading.load(device_ids=["gpu_7"], fallback_to_cpu=False)


async def test_a_device_without_room_is_said_with_the_numbers(loading: Loading) -> None:
    with pytest.raises(ModelTooLargeError) as raised:
        await loading.load(device_ids=["gpu_8"])

    assert raised.value.metadata["devices"] == "gpu_8"


async def test_an_estimate_tells_the_devices_whether_there_is_room_or_not(
    loading: Loading,
) -> None:
    loader, model = loading.models.loader, loading.model

    roomy = await loader.estimate(model, LoadSettings(device_ids=["gpu_9"]))
    narrow = await loader.estimate(model, LoadSettings(device_ids=["gpu_8"]))
    alone = await loader.estimate(model, LoadSettings(device_ids=["cpu_0"]))

    (device,) = roomy.footprint.devices
    assert (device.device_id, device.layers) == ("gpu_9", len(model.header.layer_bytes) + 1)
    assert 0 < device.bytes < device.available_bytes
    assert roomy.fits
    host = roomy.footprint.total_bytes - device.bytes
    assert model.header.ties_output
    assert host < alone.footprint.total_bytes
    assert not narrow.fits
    assert narrow.footprint.devices[0].available_bytes < narrow.footprint.devices[0].bytes
    assert not alone.footprint.devices


async def test_a_load_may_have_less_of_a_device_than_there_is(loading: Loading) -> None:
    total = BROKEN.metrics.memory_total_bytes
    loader, model = loading.models.loader, loading.model

    wanted = LoadSettings(device_ids=["gpu_9"], gpu_memory_fraction=0.25)
    quarter = await loader.estimate(model, wanted)
    wanted.gpu_memory_fraction = 1e-6
    least = await loader.estimate(model, wanted)

    assert quarter.footprint.devices[0].available_bytes == total // 4
    assert (quarter.fits, least.fits) == (True, False)


async def test_threads_on_the_cpu_are_those_of_the_acceleration(loading: Loading) -> None:
    await loading.accelerations.set(Acceleration(cpu_threads=2, primary_device_id="cpu_0"))

    assert (await loading.load()).threads == 2


async def test_what_is_compiled_is_kept_by_device_driver_and_weights(
    settings: ServerSettings, loading: Loading
) -> None:
    device = npu()
    device.driver_version = "1.2/../x"
    devices = Found(cpu(), device)
    placing = Placing(devices, Accelerations(settings.home, devices))
    model = loading.model
    wanted = LoadSettings(device_ids=["npu_0"])
    load = Load(model, sizes(model), wanted, 256, compiled=settings.home / "compiled")

    spec = placing.placer(load).place(WorkerSpec(MODEL, model.path, wanted, 256), Taken(2**40))

    folder = spec.compile_folder
    assert folder is not None
    assert folder.parent == settings.home / "compiled"
    assert folder.name.startswith("NPU-1.2_.._x-")
    assert folder.name.endswith(f"-{model.sha256[:16]}")
    assert [one.max_prompt_tokens for one in spec.devices] == [1024]
    assert spec.memory_limit_bytes == 0


def test_what_a_model_took_of_a_device_counts_for_its_next_load() -> None:
    def corrections(**devices: tuple[int, int]) -> dict[str, float]:
        return Measurement(1, 1, datetime.now(UTC), devices).corrections

    assert corrections(gpu_0=(120, 80)) == {"gpu_0": 1.5}
    assert corrections(gpu_0=(40, 80)) == {"gpu_0": 1.0}  # its cache was not full
    assert corrections(gpu_0=(800, 80), gpu_1=(9, 0)) == {"gpu_0": 4.0}
