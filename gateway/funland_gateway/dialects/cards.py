"""The graphics processors of the machine, taken together."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.hardware_pb2 import Device


def is_card(device: Device) -> bool:
    """Whether it is a GPU that is there: no slice of one that is counted, no program on the CPU."""
    there = device.kind == Device.GPU and device.state != Device.UNAVAILABLE
    return there and not device.emulated and not device.parent_device_id


def total(known: Sequence[int | None]) -> int | None:
    """All together; None if one of them is not known."""
    numbers = [each for each in known if each is not None]
    return sum(numbers) if len(numbers) == len(known) else None


def mean(known: Sequence[float | None]) -> float | None:
    """Of those that are known, with one decimal; None if none is."""
    numbers = [each for each in known if each is not None]
    return round(sum(numbers) / len(numbers), 1) if numbers else None
