"""Every part is asked how it is; one that hangs is told as failed and delays no other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from funland.v1.models_pb2 import ImportModelRequest, LoadModelRequest
from funland.v1.system_pb2 import GetHealthReportRequest, HealthReport, PartHealth
from funland_server.app import Server
from funland_server.domain import Health
from funland_server.storage.errors import StorageUnavailableError
from funland_server.system.disks import Disk
from funland_server.system.health import Checkup
from funland_server.system.machine_health import disk_health, memory_health
from funland_server.workers.machine import MachineMemory
from tests.server.conftest import SECONDS, call

MIB = 1024**2


async def well() -> Health:
    return Health()


def states(report: HealthReport) -> dict[str, str]:
    return {part.name: PartHealth.State.Name(part.state) for part in report.parts}


async def test_all_parts_of_a_server_are_asked(server: Server) -> None:
    report = await call(server, "GetHealthReport", GetHealthReportRequest())

    assert list(states(report)) == [
        "batches", "configuration", "database", "deployments", "devices", "disk", "downloads",
        "memory", "models", "plugins", "tasks",
    ]  # fmt: skip
    assert report.parts[2].state == PartHealth.HEALTHY
    assert report.HasField("time")


async def test_a_part_that_hangs_fails_alone_and_is_not_asked_twice() -> None:
    asked, free = 0, asyncio.Event()

    async def hanging() -> Health:
        nonlocal asked
        asked += 1
        await free.wait()
        return Health()

    checkup = Checkup({"b": hanging, "a": well}, seconds=0.05)

    for _ in range(3):
        report = await checkup.report()
        assert states(report) == {"a": "HEALTHY", "b": "FAILED"}
        assert report.state == PartHealth.FAILED
        assert "does not answer" in report.parts[1].message
    assert asked == 1

    free.set()
    async with asyncio.timeout(SECONDS):
        while (await checkup.report()).state != PartHealth.HEALTHY:
            pass
    await checkup.close()


async def test_a_part_that_hangs_for_ever_does_not_hold_up_the_stop() -> None:
    async def hanging() -> Health:
        await asyncio.Event().wait()
        return Health()

    checkup = Checkup({"a": hanging}, seconds=0.01)
    await checkup.report()

    async with asyncio.timeout(SECONDS):
        await checkup.close()


async def test_a_part_that_raises_has_failed_and_says_no_secrets() -> None:
    async def lost() -> Health:
        raise StorageUnavailableError

    async def broken() -> Health:
        raise ValueError("postgresql://u:secret@host")

    report = await Checkup({"a": lost, "b": broken, "c": well}).report()

    assert states(report) == {"a": "FAILED", "b": "FAILED", "c": "HEALTHY"}
    assert "database" in report.parts[0].message
    assert "secret" not in str(report)


async def test_callers_at_the_same_time_get_the_same_answer() -> None:
    checkup = Checkup({"a": well})

    reports = await asyncio.gather(*(checkup.report() for _ in range(5)))

    assert [states(report) for report in reports] == [{"a": "HEALTHY"}] * 5


async def test_a_model_that_can_t_be_loaded_is_told(server: Server, model_path: Path) -> None:
    await call(server, "ImportModel", ImportModelRequest(path=str(model_path), model_id="mine"))
    (server.settings.now.home / "models" / "mine" / "model.gguf").unlink()
    with pytest.raises(Exception, match="mine"):
        await call(server, "LoadModel", LoadModelRequest(model_id="mine"))

    report = await call(server, "GetHealthReport", GetHealthReportRequest())

    (part,) = (one for one in report.parts if one.name == "models")
    assert part.state == PartHealth.DEGRADED
    assert part.message.startswith("mine was not loaded")


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (2048 * MIB, PartHealth.HEALTHY),
        (1023 * MIB, PartHealth.DEGRADED),
        (15 * MIB, PartHealth.FAILED),
    ],
)
def test_a_disk_is_unwell_below_what_downloads_leave_free(
    free: int, state: PartHealth.State.ValueType
) -> None:
    full = Disk(("home", "models"), 10_000 * MIB, 0, free)
    health = disk_health([Disk(("database",), 10_000 * MIB, 0, 5000 * MIB), full], 1024 * MIB)

    assert health.state == state
    assert ("home, models" in health.message) is (state != PartHealth.HEALTHY)
    assert disk_health([full], 0).state == (state if free < 16 * MIB else PartHealth.HEALTHY)


def test_hardly_any_memory_is_told() -> None:
    assert memory_health(MachineMemory(1000 * MIB, 50 * MIB)) == Health()
    assert memory_health(MachineMemory(1000 * MIB, 49 * MIB)).state == PartHealth.DEGRADED
