"""The inventory of a server, with readers that a test writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from funland.v1.hardware_pb2 import Acceleration, Device
from funland_server.config import ServerSettings
from funland_server.devices import acceleration, looking
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.devices.errors import DeviceNotFoundError
from funland_server.devices.readers.protocol import ReaderError
from funland_server.errors import FieldInvalidError, ServerStoppingError
from funland_server.metrics import Metrics
from tests.server.conftest import SECONDS, until
from tests.server.devices.making import Scripted, card, cpu, engine

A, B = "0000:01:00.0", "0000:21:00.0"


class Readers:
    """Those of a machine with two identical cards, of which llama.cpp computes on both."""

    def __init__(self) -> None:
        self.cpu = Scripted("cpu", cpu())
        self.nvidia = Scripted("nvidia", card(A, "GPU-a"), card(B, "GPU-b"))
        self.engines = Scripted(
            "engines", engine("CUDA0", pci_address=A), engine("CUDA1", pci_address=B), sampled=False
        )

    def all(self) -> list[Scripted]:
        return [self.cpu, self.nvidia, self.engines]

    def release(self) -> None:
        for reader in self.all():
            reader.free.set()


@asynccontextmanager
async def started(
    settings: ServerSettings, readers: Readers, metrics: Metrics | None = None
) -> AsyncGenerator[Devices]:
    devices = Devices(settings, metrics or Metrics(), readers.all())
    try:
        await devices.start()
        yield devices
    finally:
        devices.announce_stop()
        await devices.stop()
        readers.release()


async def settle(devices: Devices, *device_ids: str) -> None:
    async with asyncio.timeout(SECONDS):
        await devices.settled(device_ids)


def shown(devices: Devices) -> dict[str, str]:
    return {each.device_id: Device.State.Name(each.state) for each in devices.all()}


def is_state(devices: Devices, device_id: str, state: Device.State.ValueType) -> Callable[[], bool]:
    return lambda: devices.get(device_id).state == state


async def test_the_cpu_is_there_at_once_and_the_others_a_little_later(
    settings: ServerSettings,
) -> None:
    readers = Readers()
    readers.nvidia.free.clear()
    async with started(settings, readers) as devices:
        assert shown(devices) == {"cpu_0": "AVAILABLE"}

        readers.release()
        await settle(devices)

        assert shown(devices) == dict.fromkeys(("cpu_0", "gpu_0", "gpu_1"), "AVAILABLE")
        assert devices.problems == []


async def test_a_reader_that_blocks_delays_no_answer_beyond_a_second(
    settings: ServerSettings,
) -> None:
    readers = Readers()
    async with started(settings, readers) as devices:
        await settle(devices)
        readers.nvidia.free.clear()

        start = time.monotonic()
        await devices.refresh()
        took = time.monotonic() - start

        assert 0.9 < took < SECONDS / 2
        assert shown(devices) == dict.fromkeys(("cpu_0", "gpu_0", "gpu_1"), "AVAILABLE")
        (problem,) = devices.problems
        assert problem.reader == "nvidia"
        assert problem.message.startswith("It has not answered for 1 s;")


async def test_a_reader_that_is_slow_is_no_trouble_until_it_hangs(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Readers()
    readers.nvidia.free.clear()
    async with started(settings, readers) as devices:
        await devices.refresh()
        (problem,) = devices.problems
        assert problem.message == "It has not answered for 1 s."  # and told nothing before
        assert devices.troubles == []

        monkeypatch.setattr(looking, "_LONGEST", 1.0)
        assert [each.reader for each in devices.troubles] == ["nvidia"]


async def test_the_others_are_found_beside_one_that_hangs(settings: ServerSettings) -> None:
    readers = Readers()
    readers.nvidia.free.clear()
    readers.engines.found = [engine("Vulkan0", name="llvmpipe", emulated=True)]
    async with started(settings, readers) as devices:
        await settle(devices, "gpu_0")

        assert shown(devices) == dict.fromkeys(("cpu_0", "gpu_0"), "AVAILABLE")
        assert [each.reader for each in devices.problems] == ["nvidia"]


async def test_who_wants_the_cpu_alone_does_not_wait_for_the_engines(
    settings: ServerSettings,
) -> None:
    readers = Readers()
    readers.engines.free.clear()
    async with started(settings, readers) as devices:
        await asyncio.wait_for(devices.settled(["cpu_0"]), 120)

        assert shown(devices) == {"cpu_0": "AVAILABLE"} | dict.fromkeys(
            ("gpu_0", "gpu_1"), "UNSUPPORTED"
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(devices.settled(["gpu_0"]), 0.05)
        readers.release()


async def test_nobody_waits_for_the_engines_where_there_is_no_accelerator(
    settings: ServerSettings,
) -> None:
    readers = Readers()
    readers.nvidia.found = ()
    readers.engines.found = [engine("Vulkan0", name="llvmpipe", emulated=True)]
    readers.engines.free.clear()
    async with started(settings, readers) as devices:
        await settle(devices)
        assert shown(devices) == {"cpu_0": "AVAILABLE"}

        readers.release()
        await settle(devices, "gpu_0")
        assert shown(devices) == dict.fromkeys(("cpu_0", "gpu_0"), "AVAILABLE")


async def test_stopping_waits_for_no_driver(settings: ServerSettings) -> None:
    readers = Readers()
    async with started(settings, readers) as devices:
        await settle(devices)
        readers.nvidia.free.clear()
        await devices.refresh()

        start = time.monotonic()
        await devices.stop()

        assert time.monotonic() - start < SECONDS / 2
        assert readers.engines.closed


async def test_a_reader_that_fails_is_told_and_its_devices_are_not_counted_on(
    settings: ServerSettings,
) -> None:
    readers = Readers()
    async with started(settings, readers) as devices:
        await settle(devices)
        readers.nvidia.error = ReaderError("Restart the machine.")

        await devices.refresh()

        assert shown(devices) == {
            "cpu_0": "AVAILABLE", "gpu_0": "UNAVAILABLE", "gpu_1": "UNAVAILABLE",
        }  # fmt: skip
        reason = devices.get("gpu_0").state_reason
        assert reason == "Its driver does not answer: Restart the machine."
        assert [each.message for each in devices.problems] == ["Restart the machine."]


async def test_a_card_that_is_removed_is_gone_and_comes_back_as_itself(
    settings: ServerSettings,
) -> None:
    metrics = Metrics()
    readers = Readers()
    async with started(settings, readers, metrics) as devices:
        await settle(devices)
        series = 'funland_device_utilization_percent{device="gpu_0"}'
        assert series in metrics.text().decode()
        both = readers.nvidia.found

        readers.nvidia.found = both[1:]
        await devices.refresh()
        gone = devices.get("gpu_0")
        assert (gone.state_reason, gone.HasField("metrics")) == ("It is not there any more.", False)
        assert devices.get("gpu_1").state == Device.AVAILABLE
        assert series not in metrics.text().decode()

        readers.nvidia.found = both
        await devices.refresh()
        assert devices.get("gpu_0").state == Device.AVAILABLE
        assert series in metrics.text().decode()


async def test_ids_outlast_the_server(settings: ServerSettings) -> None:
    readers = Readers()
    async with started(settings, readers) as devices:
        await settle(devices)
        await until((settings.home / "devices.json").exists)

    readers = Readers()
    readers.nvidia.found = readers.nvidia.found[1:]
    readers.engines.found = readers.engines.found[1:]
    async with started(settings, readers) as devices:
        await settle(devices)

        assert list(shown(devices)) == ["cpu_0", "gpu_1"]
        with pytest.raises(DeviceNotFoundError, match="gpu_0"):
            devices.get("gpu_0")


async def test_devices_are_watched_from_what_they_are_on(settings: ServerSettings) -> None:
    readers = Readers()
    async with started(settings, readers) as devices:
        await settle(devices)
        async with asyncio.timeout(SECONDS), aclosing(devices.watch()) as events:
            first = [(await anext(events)).device_id for _ in range(3)]

            readers.nvidia.found = readers.nvidia.found[1:]
            await devices.refresh()
            event = await anext(events)
            while event.device_id != "gpu_0" or event.state == Device.AVAILABLE:
                event = await anext(events)

        assert first == ["cpu_0", "gpu_0", "gpu_1"]
        assert event.state == Device.UNAVAILABLE


async def drained(events: AsyncGenerator[Device]) -> None:
    async with asyncio.timeout(SECONDS):
        async for _ in events:
            pass


async def test_a_watch_ends_when_the_server_stops(settings: ServerSettings) -> None:
    async with started(settings, Readers()) as devices:
        await settle(devices)
        async with aclosing(devices.watch()) as events:
            await anext(events)
            devices.announce_stop()
            with pytest.raises(ServerStoppingError):
                await drained(events)


async def test_samples_are_kept_and_told_the_newest_first(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.devices.domain._PERIOD", 0.001)
    readers = Readers()
    async with started(settings, readers) as devices:
        await until(lambda: len(devices.history("cpu_0", 10)) == 10)
        readers.cpu.free.clear()  # from here on, nothing changes
        await until(lambda: readers.cpu.looks > devices.get("cpu_0").metrics.utilization_percent)

        now = devices.get("cpu_0").metrics.utilization_percent
        history = [each.utilization_percent for each in devices.history("cpu_0", 10)]

    assert len(history) == 10
    assert history == sorted(history, reverse=True)
    assert history[0] < now


async def test_acceleration_waits_a_little_for_devices_that_only_engines_know(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = Readers()
    readers.nvidia.found = ()
    readers.engines.found = [engine("Vulkan0", name="llvmpipe", emulated=True)]
    readers.engines.free.clear()
    settings.home.mkdir()
    async with started(settings, readers) as devices:
        accelerations = Accelerations(settings.home, devices)
        wanted = Acceleration(primary_device_id="gpu_0")

        with pytest.raises(FieldInvalidError, match="still being asked for theirs, so try again"):
            await accelerations.set(wanted)
        monkeypatch.setattr(acceleration, "PATIENCE", SECONDS)
        readers.release()

        told = await accelerations.set(wanted)
        assert list(told.effective_device_ids) == ["gpu_0"]
