"""Which devices models get: set, checked against what is there, kept over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.hardware_pb2 import Acceleration, CpuDetails
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.errors import FieldInvalidError
from funland_server.storage.errors import StorageUnavailableError
from tests.server.devices.machines import Found, cpu, emulated, gone, nvidia


def machine() -> Found:
    processor = cpu()
    processor.cpu.CopyFrom(CpuDetails(threads=8))
    return Found(processor, nvidia(0), nvidia(1, 48), gone(2), emulated(3))


async def started(home: Path, devices: Devices | None = None) -> Accelerations:
    accelerations = Accelerations(home, devices or machine())
    await accelerations.start()
    return accelerations


WANTED = Acceleration(
    primary_device_id="gpu_1", secondary_device_ids=["gpu_0"], mode=Acceleration.HYBRID,
    cpu_threads=8, gpu_memory_fraction=0.5, npu_power_mode=Acceleration.POWER_SAVING,
    fallback_to_cpu=True,
)  # fmt: skip


async def test_what_was_set_is_told_and_kept(tmp_path: Path) -> None:
    before = await started(tmp_path)

    told = await before.set(WANTED)

    assert told.update_time.seconds > 0
    assert list(told.effective_device_ids) == ["gpu_1", "gpu_0"]
    after = await started(tmp_path)
    assert after.get() == before.get() == told
    rest = Acceleration()
    rest.CopyFrom(told)
    rest.ClearField("update_time")
    rest.ClearField("effective_device_ids")
    assert rest == WANTED


async def test_what_is_left_out_goes_back_to_its_default(tmp_path: Path) -> None:
    accelerations = await started(tmp_path)
    await accelerations.set(WANTED)

    told = await accelerations.set(
        Acceleration(effective_device_ids=["gpu_3"], mode=Acceleration.AUTOMATIC)
    )

    assert not told.HasField("cpu_threads")
    assert not told.fallback_to_cpu
    assert list(told.effective_device_ids) == ["gpu_1"]  # it has the most memory


@pytest.mark.parametrize(
    ("devices", "acceleration", "effective"),
    [
        (Found(cpu()), Acceleration(), ["cpu_0"]),
        (Found(cpu(), emulated(0)), Acceleration(), ["cpu_0"]),
        (Found(cpu(), emulated(0)), Acceleration(primary_device_id="gpu_0"), ["gpu_0"]),
        (Found(cpu(), nvidia(0)), Acceleration(primary_device_id="cpu_0"), ["cpu_0"]),
        (Found(cpu(), nvidia(0)), Acceleration(), ["gpu_0"]),
        (Found(cpu(), gone(0)), Acceleration(), ["cpu_0"]),
    ],
)
async def test_the_devices_that_follow_are_told(
    tmp_path: Path, devices: Found, acceleration: Acceleration, effective: list[str]
) -> None:
    told = await (await started(tmp_path, devices)).set(acceleration)

    assert list(told.effective_device_ids) == effective


async def test_a_primary_device_that_went_away_stays_set_and_computes_nothing(
    tmp_path: Path,
) -> None:
    await (await started(tmp_path)).set(WANTED)

    told = (await started(tmp_path, Found(cpu(), nvidia(0)))).get()

    assert told.primary_device_id == "gpu_1"
    assert not told.effective_device_ids


@pytest.mark.parametrize(
    ("wanted", "field", "words"),
    [
        (
            Acceleration(primary_device_id="gpu_7"), "acceleration.primary_device_id",
            "there is no device gpu_7; there is cpu_0, gpu_0, gpu_1",
        ),
        (Acceleration(primary_device_id="gpu_2"), "acceleration.primary_device_id", "unplugged"),
        (Acceleration(mode=Acceleration.SINGLE), "acceleration.primary_device_id", "SINGLE"),
        (
            Acceleration(primary_device_id="gpu_0", secondary_device_ids=["gpu_1", "gpu_0"]),
            "acceleration.secondary_device_ids[1]", "the primary device already",
        ),
        (
            Acceleration(secondary_device_ids=["npu_0"]),
            "acceleration.secondary_device_ids[0]", "no device npu_0",
        ),
        (Acceleration(cpu_threads=9), "acceleration.cpu_threads", "at most 8"),
    ],
)  # fmt: skip
async def test_what_the_machine_has_not_is_refused_and_nothing_changes(
    tmp_path: Path, wanted: Acceleration, field: str, words: str
) -> None:
    accelerations = await started(tmp_path)
    before = accelerations.get()

    with pytest.raises(FieldInvalidError, match=words) as raised:
        await accelerations.set(wanted)

    assert [violation.field for violation in raised.value.violations] == [field]
    assert accelerations.get() == before
    assert (await started(tmp_path)).present == Acceleration()


@pytest.mark.parametrize(
    "text",
    [
        b"\xff{",
        b'{"mode": 9}',
        b'{"cpu_threads": -5}',
        b'{"gpu_memory_fraction": 7}',
        b'{"secondary_device_ids": ["x y"]}',
    ],
    ids=["no JSON", "a mode", "threads", "a fraction", "an id"],
)
async def test_a_file_that_is_damaged_stops_no_server(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "acceleration.json").write_bytes(text)

    assert (await started(tmp_path)).present == Acceleration()


async def test_settings_that_can_t_be_kept_are_not_taken(tmp_path: Path) -> None:
    accelerations = await started(tmp_path)
    (tmp_path / "acceleration.json").mkdir()

    with pytest.raises(StorageUnavailableError, match=r"acceleration\.json in the home"):
        await accelerations.set(WANTED)

    assert accelerations.present == Acceleration()
