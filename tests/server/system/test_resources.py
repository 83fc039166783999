"""What of the machine is in use is read from the machine, and nothing is made up."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil

from funland.v1.inference_pb2 import GenerateRequest
from funland.v1.system_pb2 import (
    GetLoadRequest,
    GetResourcesRequest,
    GetStatusRequest,
)
from funland_server.app import Server
from funland_server.system.disks import disks, places
from funland_server.system.resources import CpuMeter, machine_load
from funland_server.workers.processor import CpuTime, Processor, processor
from tests.server.conftest import call

PART = Processor((0, 1), 2, 2.0, limited=False, account=None)


async def test_resources_are_the_machine_s(server: Server) -> None:
    told = await call(server, "GetResources", GetResourcesRequest())

    part = processor()
    assert (told.cpu.threads, told.cpu.cores, told.cpu.usable_cores) == (
        len(part.threads), part.cores, part.usable_cores,
    )  # fmt: skip
    assert 0 <= told.cpu.utilization_percent <= 100
    assert told.memory.used_bytes + told.memory.available_bytes == told.memory.total_bytes
    assert told.memory.total_bytes <= psutil.virtual_memory().total
    assert told.HasField("swap") is (psutil.swap_memory().total > 0)
    purposes = [purpose for disk in told.disks for purpose in disk.purposes]
    assert sorted(purposes) == ["blobs", "database", "downloads", "home", "models"]
    assert all(0 < disk.free_bytes + disk.used_bytes <= disk.total_bytes for disk in told.disks)


def test_what_lies_on_one_disk_is_told_once(tmp_path: Path) -> None:
    own = places(tmp_path / "home", tmp_path / "home" / "funland.sqlite3")
    (disk,) = disks(own)

    assert disk.purposes == ("home", "models", "blobs", "downloads", "database")
    assert "database" not in places(tmp_path, None)


async def test_the_processor_is_measured_since_it_was_last_asked() -> None:
    now, used, reads = 100.0, 5.0, 0

    def read(part: Processor) -> CpuTime:
        nonlocal reads
        reads += 1
        return CpuTime(now, used, part.usable_cores)

    meter = CpuMeter(read, lambda: now)
    await meter.percent(PART)
    now, used = 110.0, 15.0

    assert await meter.percent(PART) == 50.0
    reads = 0
    assert await asyncio.gather(meter.percent(PART), meter.percent(PART)) == [50.0, 50.0]
    assert reads == 0  # a moment later there is nothing to tell yet
    now, used = 1000.0, 900.0
    await meter.percent(PART)
    assert reads == 2  # what was long ago is not lately


async def test_where_the_system_does_not_tell_nothing_is_told() -> None:
    assert await CpuMeter(lambda _: None).percent(PART) is None


def test_the_load_is_the_system_s(tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text(
        "some avg10=12.50 avg60=1.00 avg300=0.25 total=1\nfull avg10=0.00 avg60=0.00\n"
    )
    (tmp_path / "io").write_text("full avg10=3.00 avg60=0.00 avg300=0.00 total=1\n")

    load = machine_load(tmp_path)

    threads = len(processor().threads)
    assert load.cpu_pressure_percent == 12.5
    assert not load.HasField("memory_pressure_percent")
    assert not load.HasField("io_pressure_percent")
    assert len(load.averages) == 3
    assert list(load.averages_percent) == [100 * average / threads for average in load.averages]
    assert abs(load.averages[2] - os.getloadavg()[2]) < 50


async def test_generations_are_counted_when_they_have_ended(server: Server) -> None:
    before = await call(server, "GetStatus", GetStatusRequest())
    request = GenerateRequest(prompt="Once upon a time")
    request.sampling.max_tokens = 8
    request.sampling.ignore_end = True
    for _ in range(2):
        await call(server, "Generate", request)

    after = await call(server, "GetStatus", GetStatusRequest())
    load = await call(server, "GetLoad", GetLoadRequest())

    assert not before.HasField("performance")
    assert after.performance.generations == 2
    assert after.performance.mean_duration.ToTimedelta().total_seconds() > 0
    assert after.performance.tokens_per_second > 0
    assert (load.active_calls, load.active_downloads) == (1, 0)
