"""What a device takes of power while something is measured, where that can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import Final

from funland.v1.hardware_pb2 import Device, DeviceMetrics

_POWERCAP: Final = Path("/sys/class/powercap")


class PowerMeter:
    """The mean power of one device from the first reading to the last.

    A counter of energy goes before the driver's words for the power now, which are means of their
    own over a time that nobody knows.
    """

    def __init__(
        self,
        device: Device,
        metrics: Callable[[], DeviceMetrics],
        powercap: Path = _POWERCAP,
    ) -> None:
        """`metrics` gives what is known of the device now; `powercap` is where the kernel tells of
        the counters of CPUs."""
        self._metrics = metrics
        self._packages = _Packages(powercap) if device.kind == Device.CPU else None
        self._begin = monotonic()
        self._watts: dict[int, float] = {}
        """By the time at which the driver said so."""
        self._first = self._metrics().time.ToNanoseconds()

    def read(self) -> None:
        """Takes note of the power now."""
        metrics = self._metrics()
        at = metrics.time.ToNanoseconds()
        if metrics.HasField("power_watts") and at > self._first:
            self._watts[at] = metrics.power_watts

    def watts(self) -> float | None:
        """The mean until now; None if it can't be read."""
        joules = self._packages.joules() if self._packages else None
        if joules is not None:
            return joules / (monotonic() - self._begin)
        return fmean(self._watts.values()) if self._watts else None


class _Packages:
    """The energy of all sockets since now, by Intel's and AMD's counters (RAPL):
    https://docs.kernel.org/power/powercap/powercap.html"""

    def __init__(self, root: Path) -> None:
        self._zones = [
            zone
            for zone in sorted(root.glob("intel-rapl:*"))
            if _text(zone / "name").startswith("package-")
        ]
        self._begin = [_number(zone / "energy_uj") for zone in self._zones]

    def joules(self) -> float | None:
        """None where they can't be read, which takes a privilege on most systems."""
        end = [_number(zone / "energy_uj") for zone in self._zones]
        ranges = [_number(zone / "max_energy_range_uj") for zone in self._zones]
        return spent_joules(self._begin, end, ranges)


def spent_joules(
    begin: Sequence[int | None], end: Sequence[int | None], ranges: Sequence[int | None]
) -> float | None:
    """What counters of microjoules came to, each of which begins anew at its range; None if one of
    them, or all, can't be read."""
    spent = 0
    for first, last, most in zip(begin, end, ranges, strict=True):
        if first is None or last is None or most is None:
            return None
        spent += last - first if last >= first else last - first + most
    return spent / 1e6 if begin else None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
