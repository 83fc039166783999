"""What devices did: an hour of samples of each."""

from __future__ import annotations

from collections import deque
from typing import Final

from funland.v1.hardware_pb2 import DeviceMetrics

_SAMPLES: Final = 360


class History:
    """Samples by the device's id."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[DeviceMetrics]] = {}

    def add(self, device_id: str, sample: DeviceMetrics) -> None:
        """Keeps a sample, unless it is the last one again."""
        samples = self._samples.setdefault(device_id, deque(maxlen=_SAMPLES))
        if not samples or samples[-1].time != sample.time:
            samples.append(sample)

    def before(self, device_id: str, now: DeviceMetrics, count: int) -> list[DeviceMetrics]:
        """The last samples before one, the newest first."""
        samples = self._samples.get(device_id, ())
        older = [each for each in reversed(samples) if each.time != now.time]
        return older[:count]
