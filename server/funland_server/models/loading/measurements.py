"""What the processes of models took of the memory, kept over restarts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from funland_server.durable import write_whole
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)

_LEAST, _MOST = 1.0, 4.0
"""What took less had no full cache yet; what is off by more was not the same load."""


@dataclass(frozen=True)
class Measurement:
    """What a process took after a load."""

    peak_bytes: int
    """The most at any moment."""
    estimate_bytes: int
    """What was expected of that load."""
    time: datetime
    """When it was read."""
    devices: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """What it took of each device, and what its parts there add up to; by the devices' ids."""

    @property
    def corrections(self) -> dict[str, float]:
        """What it took of each device as a multiple of what was expected."""
        return {
            device_id: min(max(took / expected, _LEAST), _MOST)
            for device_id, (took, expected) in self.devices.items()
            if expected
        }


_adapter: Final = TypeAdapter(Measurement)


class Measurements:
    """The last measurement of each model."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is first needed."""
        self._folder = folder
        self._writing = threading.Lock()
        """Several workers may hold one model."""

    async def note(self, worker: Worker) -> None:
        """Keeps what a worker has taken so far, if that can be read."""
        if (measurement := _read(worker)) is not None:
            await asyncio.to_thread(self._write, worker.model_id, measurement)

    def kept(self, model_id: str) -> Measurement | None:
        """That of an earlier load. Blocks."""
        try:
            return _adapter.validate_json(self._path(model_id).read_bytes())
        except (OSError, ValidationError):
            return None

    async def last(self, model_id: str, worker: Worker | None) -> Measurement | None:
        """That of the `worker` that holds the model now, else the one before."""
        present = _read(worker) if worker is not None else None
        return present or await asyncio.to_thread(self.kept, model_id)

    def forget(self, model_id: str) -> None:
        """Removes that of a model that is deleted. Blocks."""
        self._path(model_id).unlink(missing_ok=True)

    def _write(self, model_id: str, measurement: Measurement) -> None:
        try:
            with self._writing:
                self._folder.mkdir(parents=True, exist_ok=True)
                if not measurement.devices and (before := self.kept(model_id)):
                    measurement = replace(measurement, devices=before.devices)
                write_whole(self._path(model_id), _adapter.dump_json(measurement))
        except OSError as error:  # nobody needs it
            logger.warning("measurement_not_kept", model=model_id, error=error.strerror)

    def _path(self, model_id: str) -> Path:
        return self._folder / f"{model_id}.json"


def _read(worker: Worker) -> Measurement | None:
    peak = worker.peak_memory_bytes
    if peak is None:
        return None
    took = worker.ready.device_memory
    devices = {
        device.device_id: (took[device.name], device.parts_bytes)
        for device in worker.spec.devices
        if device.name in took
    }
    return Measurement(peak, worker.spec.needed_bytes, datetime.now(UTC), devices)
