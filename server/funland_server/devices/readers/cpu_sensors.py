"""What a CPU does: its frequency, temperature and power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland_server.devices.readers import hwmon
from funland_server.devices.readers.rates import Rates
from funland_server.kernel_files import KernelFiles

_CPUS: Final = "sys/devices/system/cpu"
_HWMON: Final = "sys/class/hwmon"
_ZONES: Final = "sys/class/thermal"
_RAPL: Final = "sys/class/powercap"
_CHIPS: Final = {
    "coretemp": ("package id",), "k10temp": ("tdie", "tctl"), "zenpower": ("tdie", "tctl"),
    "cpu_thermal": (), "soc_thermal": (), "cpu0_thermal": (),
}  # fmt: skip
"""Sensors of CPUs, and how those of a whole socket are labelled; none: the first is it."""
_ZONE_TYPES: Final = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal")


def clock_mhz(files: KernelFiles, threads: Sequence[int]) -> float | None:
    """The mean of some hardware threads."""
    told = [files.number(f"{_CPUS}/cpu{number}/cpufreq/scaling_cur_freq") for number in threads]
    megahertz = [value / 1000 for value in told if value]
    if not megahertz:
        megahertz = _by_cpuinfo(files, threads)
    return sum(megahertz) / len(megahertz) if megahertz else None


def temperature_celsius(files: KernelFiles) -> float | None:
    """Of the hottest socket."""
    told: list[int | None] = []
    for name in files.names(_HWMON):
        folder = f"{_HWMON}/{name}"
        if (labels := _CHIPS.get(files.text(f"{folder}/name") or "")) is None:
            continue
        if not labels:
            told.append(files.number(f"{folder}/temp1_input"))
        elif labels == _CHIPS["coretemp"]:
            told += _packages(files, folder)
        else:
            told.append(hwmon.reading(files, folder, "temp", labels))
    for name in [] if any(told) else files.names(_ZONES):
        if files.text(f"{_ZONES}/{name}/type") in _ZONE_TYPES:
            told.append(files.number(f"{_ZONES}/{name}/temp"))
    return hwmon.scaled(max((value for value in told if value), default=None), 1000)


def power_watts(files: KernelFiles, rates: Rates) -> tuple[float | None, float | None]:
    """What all sockets take since the reading before, and what they may take in the long term.

    Only root may read the counters on most systems: https://docs.kernel.org/power/powercap/
    """
    taken: list[float | None] = []
    limits: list[float | None] = []
    for name in files.names(_RAPL):
        folder = f"{_RAPL}/{name}"
        if not (files.text(f"{folder}/name") or "").startswith("package"):
            continue
        energy = files.number(f"{folder}/energy_uj")
        most = files.number(f"{folder}/max_energy_range_uj")
        taken.append(hwmon.scaled(rates.per_second(name, energy, most), 1e6))
        limits.append(_long_term(files, folder))
    return _sum(taken), _sum(limits)


def _packages(files: KernelFiles, folder: str) -> list[int | None]:
    """Intel's sensors label each socket's with its number."""
    return [
        files.number(f"{folder}/{name.removesuffix('_label')}_input")
        for name in files.names(folder)
        if name.endswith("_label")
        and (files.text(f"{folder}/{name}") or "").lower().startswith(_CHIPS["coretemp"])
    ]


def _long_term(files: KernelFiles, folder: str) -> float | None:
    for number in range(3):
        if files.text(f"{folder}/constraint_{number}_name") == "long_term":
            limit = files.number(f"{folder}/constraint_{number}_power_limit_uw")
            return hwmon.scaled(limit, 1e6)
    return None


def _sum(values: Sequence[float | None]) -> float | None:
    """None if one of them is unknown: the sum of the others would be too low."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _by_cpuinfo(files: KernelFiles, threads: Sequence[int]) -> list[float]:
    found: list[float] = []
    number = ""
    for line in (files.text("proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.startswith("processor"):
            number = value.strip()
        elif key.startswith("cpu MHz") and number in {str(thread) for thread in threads}:
            whole, _, rest = value.strip().partition(".")
            if whole.isdecimal() and (not rest or rest.isdecimal()):
                found.append(float(f"{whole[:9]}.{rest or 0}"))
    return found
