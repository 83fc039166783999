"""What the server is and what it does now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version

import psutil

from funland.v1.system_pb2 import Health, Load, MachineMemory, Performance, SystemStatus
from funland_server.downloads.domain import Downloads
from funland_server.inference.domain import Inference
from funland_server.inference.pace import Pace
from funland_server.models.domain import Models
from funland_server.models.wire import to_wire
from funland_server.system.resources import machine_load
from funland_server.workers.machine import machine_memory


@dataclass(frozen=True, slots=True)
class Status:
    """Puts together what the server's parts know."""

    models: Models
    downloads: Downloads
    inference: Inference
    active_calls: Callable[[], int]
    stopping: Callable[[], bool]
    accounts: bool
    _start: float = field(default_factory=time.time)
    _start_monotonic: float = field(default_factory=time.monotonic)

    def health(self) -> Health:
        """Whether it takes calls; with accounts, no more than that."""
        backing_off = () if self.accounts else self.models.pool.backing_off()
        return Health(
            state=self._state(), backing_off_models=backing_off, identity_required=self.accounts
        )

    def status(self) -> SystemStatus:
        """All that costs nothing to know."""
        pool, catalog = self.models.pool, self.models.catalog
        models = catalog.all()
        default = catalog.default_id
        memory = machine_memory()
        status = SystemStatus(
            state=self._state(),
            version=version("funland"),
            active_calls=self.active_calls(),
            installed_models=len(models),
            loaded_models=[
                to_wire(model, pool, default=model.model_id == default)
                for model in models
                if pool.worker(model.model_id) is not None
            ],
            memory=MachineMemory(total_bytes=memory.total, available_bytes=memory.available),
            server_memory_bytes=psutil.Process().memory_info().rss,
            performance=_performance(self.inference.pace),
            backing_off_models=pool.backing_off(),
        )
        status.start_time.FromNanoseconds(int(self._start * 1e9))
        status.uptime.FromNanoseconds(int((time.monotonic() - self._start_monotonic) * 1e9))
        return status

    def load(self) -> Load:
        """How busy machine and server are."""
        load = machine_load()
        workers = [place.worker for place in self.models.pool.places()]
        load.active_calls = self.active_calls()
        load.active_sequences = sum(one.active_sequences for one in workers if one is not None)
        load.waiting_sequences = sum(one.waiting_sequences for one in workers if one is not None)
        load.active_downloads = self.downloads.active
        return load

    def _state(self) -> Health.State.ValueType:
        return Health.STOPPING if self.stopping() else Health.SERVING


def _performance(pace: Pace) -> Performance | None:
    if not pace.generations:
        return None
    performance = Performance(
        generations=pace.generations, tokens_per_second=pace.tokens_per_second
    )
    performance.mean_duration.FromTimedelta(timedelta(seconds=pace.seconds / pace.generations))
    return performance
