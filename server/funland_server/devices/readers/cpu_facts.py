"""What a CPU is: what does not change while the machine runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from funland_server.devices.readers.instruction_sets import instruction_sets
from funland_server.kernel_files import KernelFiles

_CPUS: Final = "sys/devices/system/cpu"
_NODES: Final = "sys/devices/system/node"
_VENDORS: Final = {
    "GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon",
    "CentaurHauls": "VIA", "Shanghai": "Zhaoxin",
    "0x41": "ARM", "0x46": "Fujitsu", "0x48": "HiSilicon", "0x4e": "NVIDIA", "0x51": "Qualcomm",
    "0x61": "Apple", "0x6d": "Microsoft", "0xc0": "Ampere",
}  # fmt: skip
"""By what CPUID says, and by the number of an implementer of ARM's."""
_UNITS: Final = {"K": 1024, "M": 1024**2, "G": 1024**3}


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """What is told of it; None is unknown."""

    name: str = ""
    vendor: str = ""
    sets: list[str] = field(default_factory=list[str])
    machine_threads: int | None = None
    machine_cores: int | None = None
    sockets: int | None = None
    base_mhz: float | None = None
    max_mhz: float | None = None
    last_level_cache_bytes: int | None = None
    memory_nodes: int | None = None


def cpu_facts(files: KernelFiles, threads: Sequence[int]) -> CpuFacts:
    """Of the machine, and for frequencies of those hardware threads that may be used."""
    told = _cpuinfo(files)
    name = told.get("model name", "") or files.text("sys/firmware/devicetree/base/model") or ""
    flags = f"{told.get('flags', '')} {told.get('Features', '')}".lower().split()
    online = numbers(files.text(f"{_CPUS}/online"))
    nodes = [each for each in files.names(_NODES) if re.fullmatch(r"node\d+", each)]
    return CpuFacts(
        name=" ".join(name.rstrip("\0").split()),
        vendor=_VENDORS.get(told.get("vendor_id", told.get("CPU implementer", "")), ""),
        sets=instruction_sets(set(flags)),
        machine_threads=len(online) or None,
        machine_cores=_distinct(files, online, "thread_siblings_list"),
        sockets=_distinct(files, online, "physical_package_id"),
        base_mhz=_base_mhz(files, threads, name),
        max_mhz=_most(files, threads, "cpufreq/cpuinfo_max_freq", 1000),
        last_level_cache_bytes=_last_cache(files, online),
        memory_nodes=len(nodes) or None,
    )


def numbers(listed: str | None) -> list[int]:
    """The numbers of a list such as `0-3,8`; none if it is no list."""
    found: list[int] = []
    for part in (listed or "").split(","):
        if (bounds := re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip())) is None:
            return []
        first, last = bounds.groups()
        found += range(int(first), int(last or first) + 1)
    return found


def _cpuinfo(files: KernelFiles) -> dict[str, str]:
    """Of the first hardware thread; ARM tells the model behind all of them."""
    told: dict[str, str] = {}
    for line in (files.text("proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        told.setdefault(key.strip(), value.strip())
    return told


def _distinct(files: KernelFiles, threads: Sequence[int], name: str) -> int | None:
    told = {files.text(f"{_CPUS}/cpu{number}/topology/{name}") for number in threads}
    return None if None in told or "" in told else len(told) or None


def _base_mhz(files: KernelFiles, threads: Sequence[int], name: str) -> float | None:
    """Intel's driver tells it, firmware may (CPPC), and some names have it."""
    told = _most(files, threads, "cpufreq/base_frequency", 1000)
    told = told or _most(files, threads, "acpi_cppc/nominal_freq", 1)
    if told is None and (named := re.search(r"@ *(\d{1,2}\.\d+) *GHz", name)):
        told = float(named[1]) * 1000
    return told


def _most(files: KernelFiles, threads: Sequence[int], name: str, units: int) -> float | None:
    told = [files.number(f"{_CPUS}/cpu{number}/{name}") for number in threads]
    most = max((value for value in told if value), default=None)
    return None if most is None else most / units


def _last_cache(files: KernelFiles, threads: Sequence[int]) -> int | None:
    """Of the first socket: all caches of the highest level that it has."""
    sizes: dict[int, dict[str, int]] = {}
    socket = None
    for number in threads:
        package = files.text(f"{_CPUS}/cpu{number}/topology/physical_package_id")
        socket = socket or package
        if package != socket:
            continue
        folder = f"{_CPUS}/cpu{number}/cache"
        for index in files.names(folder):
            level, size = (
                files.number(f"{folder}/{index}/level"),
                files.text(f"{folder}/{index}/size"),
            )
            shared = files.text(f"{folder}/{index}/shared_cpu_list")
            if level and shared and (held := _bytes(size)) is not None:
                sizes.setdefault(level, {})[shared] = held
    return sum(sizes[max(sizes)].values()) if sizes else None


def _bytes(text: str | None) -> int | None:
    if (told := re.fullmatch(r"(\d{1,9})([KMG])", text or "")) is None:
        return None
    return int(told[1]) * _UNITS[told[2]]
