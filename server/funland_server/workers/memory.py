"""What workers take of the memory: those that run, and those that are promised room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from funland.v1.models_pb2 import LoadSettings
from funland_server.live import Live
from funland_server.workers.fit import Held, Memories
from funland_server.workers.machine import MachineMemory, machine_memory
from funland_server.workers.spec import WorkerSpec, device_bytes, kind
from funland_server.workers.worker import Worker

_SHARE = 0.9
"""How much of the machine's memory models may take, if no setting says otherwise."""


class Memory:
    """The memory of all models of one server: what is promised, and known by experience."""

    def __init__(
        self, limit_bytes: Live[int | None], machine: Callable[[], MachineMemory] = machine_memory
    ) -> None:
        """`limit_bytes` is for all models together; None: nine tenths of the machine's."""
        self._limit = limit_bytes
        self._machine = machine
        self._promised: dict[str, Held] = {}
        """What will be taken by those that are being loaded."""
        self._measured: dict[tuple[object, ...], int] = {}

    def now(self, held: Iterable[Held]) -> Memories:
        """How it is now, with what is loaded."""
        machine, limit = self._machine(), self._limit.now
        if limit is None:
            limit = int(_SHARE * machine.total)
        return Memories(machine, limit, (*held, *self._promised.values()))

    def needed(self, spec: WorkerSpec) -> int:
        """What a worker will take: what one like it took the last time, else what is expected.
        One on another machine takes nothing here."""
        if spec.remote:
            return 0
        # What training takes depends on more than the model: its estimate is made for the run.
        return (
            spec.needed_bytes if spec.trains else self._measured.get(_key(spec), spec.needed_bytes)
        )

    def held(self, worker: Worker) -> Held:
        """What a worker takes. Until it has answered a call, much of the model has not been read:
        then it counts with what it will take. One on another machine takes nothing here."""
        spec = worker.spec
        resident = 0 if spec.remote else worker.memory_bytes or 0
        weight = resident if worker.used else max(resident, self.needed(spec))
        present = {} if spec.remote else device_bytes(spec, worker.ready)
        # A cache that grows with its texts has not taken all that it may.
        devices = {
            device.device_id: max(device.bytes, present[device.device_id])
            for device in spec.devices
            if device.device_id in present
        }
        return Held(
            spec.key,
            weight,
            resident,
            worker.idle_since,
            spec.model_id,
            kind(spec, worker.ready),
            worker.calls,
            keep_alive_seconds=spec.keep_alive_seconds,
            devices=devices,
            resident_devices=present,
        )

    def learn(self, worker: Worker) -> None:
        """Takes note of what a worker took, at its end."""
        resident = worker.memory_bytes
        if worker.used and resident and not worker.spec.remote:
            key = _key(worker.spec)
            self._measured[key] = max(self._measured.get(key, 0), resident)

    def promise(self, promised: Held) -> None:
        """Keeps room for a worker until `settle`."""
        self._promised[promised.key] = promised

    def keep(self, key: str, kept_by: str) -> None:
        """Says who holds what is being loaded for good; empty: nobody."""
        if (promised := self._promised.get(key)) is not None:
            self._promised[key] = replace(promised, kept_by=kept_by)

    def settle(self, key: str) -> None:
        """Ends a promise: the worker runs, or its start has failed."""
        self._promised.pop(key, None)

    def forget(self, model_id: str) -> None:
        """Forgets what a deleted model took."""
        for key in [key for key in self._measured if key[0] == model_id]:
            del self._measured[key]


def _key(spec: WorkerSpec) -> tuple[object, ...]:
    """A model and what its memory depends on."""
    settings = LoadSettings()
    settings.CopyFrom(spec.settings)
    settings.ClearField("keep_alive_seconds")
    where = tuple((device.device_id, device.layers) for device in spec.devices)
    run = settings.SerializeToString(deterministic=True)
    return spec.model_id, run, spec.cache_type, where
