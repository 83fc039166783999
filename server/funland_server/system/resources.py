"""What of the machine is in use, and how busy it is."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from funland.v1.system_pb2 import CpuUse, DiskUse, Load, MemoryUse, Resources
from funland_server.system.disks import disks
from funland_server.workers.machine import machine_memory
from funland_server.workers.processor import (
    CpuTime,
    Processor,
    cpu_time,
    processor,
    utilization_percent,
)

_PRESSURE = Path("/proc/pressure")
_AVERAGE = re.compile(r"^some avg10=(\d+(?:\.\d+)?) ", re.MULTILINE)
_LEAST = 0.25
"""Over fewer seconds the kernel's ticks are too coarse to tell anything."""
_LATELY = 30.0


class CpuMeter:
    """How much of the processor was in use lately: since it was last asked, if that is neither a
    moment ago nor long past."""

    def __init__(
        self,
        read: Callable[[Processor], CpuTime | None] = cpu_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._turn = asyncio.Lock()
        self._before: CpuTime | None = None
        self._percent: float | None = None

    async def percent(self, part: Processor) -> float | None:
        """In percent of what may be used; None where the system does not tell. May take a quarter
        of a second."""
        async with self._turn:
            age = self._clock() - self._before.at if self._before else _LATELY
            if self._percent is not None and age < _LEAST:
                return self._percent
            if self._before is None or age >= _LATELY:
                self._before, age = self._read(part), 0.0
            await asyncio.sleep(max(0.0, _LEAST - age))
            after = self._read(part)
            if self._before is None or after is None:
                self._before = after
                return None
            self._percent = utilization_percent(self._before, after)
            self._before = after
            return self._percent


async def resources(meter: CpuMeter, kept: Mapping[str, Path]) -> Resources:
    """Processor, memory and disks; `kept` is as `disks` has it."""
    part = processor()
    percent, found = await asyncio.gather(meter.percent(part), asyncio.to_thread(disks, kept))
    memory, swap = machine_memory(), psutil.swap_memory()
    answer = Resources(
        cpu=CpuUse(
            utilization_percent=percent,
            cores=part.cores,
            threads=len(part.threads),
            usable_cores=part.usable_cores,
        ),
        memory=MemoryUse(
            total_bytes=memory.total,
            used_bytes=memory.total - memory.available,
            available_bytes=memory.available,
        ),
        disks=[
            DiskUse(
                purposes=disk.purposes,
                total_bytes=disk.total,
                used_bytes=disk.used,
                free_bytes=disk.free,
            )
            for disk in found
        ],
    )
    if swap.total:
        answer.swap.CopyFrom(
            MemoryUse(total_bytes=swap.total, used_bytes=swap.used, available_bytes=swap.free)
        )
    return answer


def machine_load(pressure: Path = _PRESSURE) -> Load:
    """How busy the machine is; what the system does not tell is unset. `pressure` is where the
    kernel tells of waits: https://docs.kernel.org/accounting/psi.html"""
    load = Load(
        cpu_pressure_percent=_waited(pressure / "cpu"),
        memory_pressure_percent=_waited(pressure / "memory"),
        io_pressure_percent=_waited(pressure / "io"),
    )
    if hasattr(os, "getloadavg"):
        threads = len(processor().threads)
        load.averages.extend(os.getloadavg())
        load.averages_percent.extend(100 * average / threads for average in load.averages)
    return load


def _waited(file: Path) -> float | None:
    """How much of the last ten seconds any program waited, in percent."""
    try:
        found = _AVERAGE.search(file.read_text())
    except OSError:
        return None
    return float(found[1]) if found else None
