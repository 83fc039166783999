"""Reads sensors: https://docs.kernel.org/hwmon/sysfs-interface.html

Temperatures are told in thousandths of a degree, power in microwatts, energy in microjoules and
frequencies in hertz.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from funland_server.kernel_files import KernelFiles


def folders(files: KernelFiles, device: str) -> list[str]:
    """The folders of a device's sensors."""
    return [f"{device}/hwmon/{name}" for name in files.names(f"{device}/hwmon")]


def reading(files: KernelFiles, folder: str, kind: str, labels: Sequence[str]) -> int | None:
    """What the first sensor of a kind, such as `temp`, reads that has one of these labels, which
    are in the order of preference."""
    found: dict[str, str] = {}
    for name in files.names(folder):
        if (labelled := re.fullmatch(rf"({kind}\d+)_label", name)) is not None:
            label = (files.text(f"{folder}/{name}") or "").lower()
            found.setdefault(label, f"{folder}/{labelled[1]}_input")
    paths = (found[label] for label in labels if label in found)
    return next((told for path in paths if (told := files.number(path)) is not None), None)


def scaled(number: float | None, units: float) -> float | None:
    """A value in other units."""
    return None if number is None else number / units
