"""The CPU: what of it this server may use."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Final

from funland.v1.hardware_pb2 import CpuDetails, Device, DeviceEngine, DeviceMetrics
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.readers.cpu_facts import CpuFacts, cpu_facts
from funland_server.devices.readers.cpu_sensors import (
    clock_mhz,
    power_watts,
    temperature_celsius,
)
from funland_server.devices.readers.protocol import Found, Look
from funland_server.devices.readers.rates import Rates
from funland_server.kernel_files import KernelFiles
from funland_server.workers.machine import machine_memory
from funland_server.workers.processor import (
    CpuTime,
    Processor,
    cpu_time,
    own_threads,
    processor,
    utilization_percent,
)

_ENGINES: Final = (
    ("llama_cpp", DeviceEngine(engine=LoadSettings.LLAMA_CPP, name="CPU", backend="CPU")),
    ("openvino", DeviceEngine(engine=LoadSettings.OPENVINO, name="CPU")),
    ("ctranslate2", DeviceEngine(engine=LoadSettings.CTRANSLATE2, name="cpu")),
)
"""Every engine computes on the CPU: whether its package is there is all there is to ask."""
_LEAST: Final = 0.5
"""Seconds that a use is measured for at the least."""


class CpuReader:
    """Tells of the one CPU."""

    name = "cpu"
    sampled = True

    def __init__(
        self,
        files: KernelFiles | None = None,
        threads: Callable[[], Sequence[int]] = own_threads,
        architecture: str = platform.machine(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`files` are the machine's, but in tests."""
        self._files = files or KernelFiles()
        self._threads = threads
        self._architecture = architecture
        self._engines = [engine for package, engine in _ENGINES if find_spec(package) is not None]
        self._facts: tuple[tuple[int, ...], CpuFacts] | None = None
        self._clock = clock
        self._rates = Rates(clock)
        self._time: CpuTime | None = None
        self._utilization: float | None = None

    def look(self, *, anew: bool) -> Look:
        """See `Reader`."""
        part = processor(self._files, self._threads)
        facts = self._known_facts(part, anew=anew)
        device = Device(
            kind=Device.CPU,
            name=facts.name,
            vendor=facts.vendor,
            architecture=self._architecture,
            shares_memory=True,
            engines=self._engines,
            metrics=self._metrics(part),
            cpu=CpuDetails(
                usable_cores=part.usable_cores,
                cores=part.cores,
                threads=len(part.threads),
                machine_cores=facts.machine_cores,
                machine_threads=facts.machine_threads,
                sockets=facts.sockets,
                base_mhz=facts.base_mhz,
                max_mhz=facts.max_mhz,
                instruction_sets=facts.sets,
                last_level_cache_bytes=facts.last_level_cache_bytes,
                memory_nodes=facts.memory_nodes,
            ),
        )
        return Look((Found(device, spare_name=f"{self._architecture} processor"),))

    def close(self) -> None:
        """Nothing runs outside."""

    def _known_facts(self, part: Processor, *, anew: bool) -> CpuFacts:
        if anew or self._facts is None or self._facts[0] != part.threads:
            self._facts = part.threads, cpu_facts(self._files, part.threads)
        return self._facts[1]

    def _metrics(self, part: Processor) -> DeviceMetrics:
        memory = machine_memory(self._files)
        power, limit = power_watts(self._files, self._rates)
        metrics = DeviceMetrics(
            utilization_percent=self._measured(part),
            memory_used_bytes=memory.total - memory.available if memory.total else None,
            memory_total_bytes=memory.total or None,
            temperature_celsius=temperature_celsius(self._files),
            power_watts=power,
            power_limit_watts=limit,
            clock_mhz=clock_mhz(self._files, part.threads),
        )
        metrics.time.GetCurrentTime()
        return metrics

    def _measured(self, part: Processor) -> float | None:
        """Since the look before, if that was not just now."""
        now, before = cpu_time(part, self._files, self._clock), self._time
        if now is None or before is None:
            self._time, self._utilization = now, None
        elif now.at - before.at >= _LEAST:
            self._time, self._utilization = now, utilization_percent(before, now)
        return self._utilization
