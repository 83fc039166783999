"""What the processes of models took of the memory, kept over restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from funland_server.durable import write_whole
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Measurement:
    """What a process took after a load."""

    peak_bytes: int
    """The most at any moment."""
    estimate_bytes: int
    """What was expected of that load."""
    time: datetime
    """When it was read."""


_adapter: Final = TypeAdapter(Measurement)


class Measurements:
    """The last measurement of each model."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is first needed."""
        self._folder = folder

    async def note(self, worker: Worker) -> None:
        """Keeps what a worker has taken so far, if that can be read."""
        if (measurement := _read(worker)) is not None:
            await asyncio.to_thread(self._write, worker.model_id, measurement)

    async def last(self, model_id: str, worker: Worker | None) -> Measurement | None:
        """That of the `worker` that holds the model now, else the one before."""
        present = _read(worker) if worker is not None else None
        return present or await asyncio.to_thread(self._kept, model_id)

    def forget(self, model_id: str) -> None:
        """Removes that of a model that is deleted. Blocks."""
        self._path(model_id).unlink(missing_ok=True)

    def _write(self, model_id: str, measurement: Measurement) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(model_id), _adapter.dump_json(measurement))
        except OSError as error:  # nobody needs it
            logger.warning("measurement_not_kept", model=model_id, error=error.strerror)

    def _kept(self, model_id: str) -> Measurement | None:
        try:
            return _adapter.validate_json(self._path(model_id).read_bytes())
        except (OSError, ValidationError):
            return None

    def _path(self, model_id: str) -> Path:
        return self._folder / f"{model_id}.json"


def _read(worker: Worker) -> Measurement | None:
    peak = worker.peak_memory_bytes
    if peak is None:
        return None
    return Measurement(peak, worker.spec.needed_bytes, datetime.now(UTC))
