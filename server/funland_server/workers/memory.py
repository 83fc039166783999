"""Decides whether a model fits into memory, and which ones have to leave for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from funland.v1.models_pb2 import LoadSettings
from funland_server.live import Live
from funland_server.workers.errors import ModelTooLargeError
from funland_server.workers.machine import MachineMemory, machine_memory
from funland_server.workers.spec import WorkerSpec, device_bytes
from funland_server.workers.taken import Taken
from funland_server.workers.worker import Worker

_MACHINE = ""
"""Stands for the machine's memory among the devices' ids."""
_SHARE = 0.9
"""How much of the machine's memory models may take, if no setting says otherwise."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a loaded model takes."""

    model_id: str
    weight: int
    """What counts of it, in bytes."""
    resident: int
    """What its process has now, in bytes."""
    last_used: float
    idle: bool
    """Whether it may be unloaded."""
    devices: Mapping[str, int] = field(default_factory=dict[str, int])
    """What counts of it on devices, by their ids; where they share the machine's memory it counts
    there too."""
    resident_devices: Mapping[str, int] = field(default_factory=dict[str, int])
    """What it has there now."""


class Memory:
    """The memory of all models of one server: what is held, promised, and known by experience."""

    def __init__(
        self, limit_bytes: Live[int | None], machine: Callable[[], MachineMemory] = machine_memory
    ) -> None:
        """`limit_bytes` is for all models together; None: nine tenths of the machine's."""
        self._limit = limit_bytes
        self._machine = machine
        self._promised: dict[str, int] = {}
        """What models that are being loaded will take."""
        self._promised_devices: dict[str, Mapping[str, int]] = {}
        self._measured: dict[tuple[object, ...], int] = {}

    def needed(self, spec: WorkerSpec) -> int:
        """What a model will take: what it took the last time, else what is expected."""
        return 0 if spec.remote else self._measured.get(_key(spec), spec.needed_bytes)

    def held(self, worker: Worker, *, idle: bool) -> Held:
        """What a worker takes. Until it has answered a call, much of the model has not been read:
        then it counts with what it will take. One on another machine takes nothing here."""
        if worker.spec.remote:
            return Held(worker.model_id, 0, 0, worker.idle_since, idle)
        resident = worker.memory_bytes or 0
        weight = resident if worker.used else max(resident, self.needed(worker.spec))
        present = device_bytes(worker.spec, worker.ready)
        # A cache that grows with its texts has not taken all that it may.
        devices = {
            device.device_id: max(device.bytes, present[device.device_id])
            for device in worker.spec.devices
            if device.device_id in present
        }
        return Held(worker.model_id, weight, resident, worker.idle_since, idle, devices, present)

    def learn(self, worker: Worker) -> None:
        """Takes note of what a worker took, at its end."""
        resident = worker.memory_bytes
        if worker.used and resident and not worker.spec.remote:
            key = _key(worker.spec)
            self._measured[key] = max(self._measured.get(key, 0), resident)

    def room(self, held: Sequence[Held], replaced: Held | None = None) -> int:
        """How many bytes a further model can take beside those that are loaded or being loaded.
        The `replaced` one ends before it begins."""
        machine = self._machine()
        available = machine.available + (replaced.resident if replaced else 0)
        promised = sum(self._promised.values())
        weight = sum(each.weight for each in held)
        growth = sum(each.weight - each.resident for each in held)
        limit = self._limit.now
        limit = int(_SHARE * machine.total) if limit is None else limit
        return min(limit - weight, available - growth) - promised

    def taken(self, held: Sequence[Held], replaced: Held | None = None) -> Taken:
        """What models have of the memories, for who chooses devices; see `room`."""
        every, staying, idle = Counter[str](), Counter[str](), Counter[str]()
        for each in held:
            every.update(each.resident_devices)
            (idle if each.idle else staying).update(each.devices)
        if replaced is not None:
            every.update(replaced.resident_devices)
        for promised in self._promised_devices.values():
            staying.update(promised)
        return Taken(self.available(held, replaced), every, staying, idle)

    def plan(
        self, spec: WorkerSpec, held: Sequence[Held], replaced: Held | None = None
    ) -> list[Held]:
        """Which models to unload so that another one fits; see `room`.

        Raises:
            ModelTooLargeError: It does not fit even without all that are idle.
        """
        needed = self.needed(spec)
        idle = [each for each in held if each.idle]
        lacking: dict[str, int] = {}
        for device in spec.devices:
            if device.available_bytes is not None:
                leaving_bytes = sum(each.devices.get(device.device_id, 0) for each in idle)
                present = device.available_bytes - leaving_bytes
                lacking[device.device_id] = device.bytes - present
        missing = needed - self.room(held, replaced) if needed else 0  # 0: nothing is known of it
        if (leaving := to_unload(idle, missing, lacking)) is not None:
            return leaving
        available = self.available(held, replaced)
        raise ModelTooLargeError(
            f"Model {spec.model_id!r} needs about {needed / 1e9:.2f} GB, and"
            f" {available / 1e9:.2f} GB can be had. Ask for a shorter"
            " context_length or fewer slots, or unload what is busy.",
            model=spec.model_id,
            needed_bytes=str(needed),
            available_bytes=str(available),
        )

    def available(self, held: Sequence[Held], replaced: Held | None = None) -> int:
        """As `room`, when all that are idle are unloaded; not below 0."""
        idle = sum(each.weight for each in held if each.idle)
        return max(0, self.room(held, replaced) + idle)

    def promise(self, spec: WorkerSpec) -> None:
        """Keeps room for a model until `settle`."""
        self._promised[spec.model_id] = self.needed(spec)
        self._promised_devices[spec.model_id] = {
            device.device_id: device.bytes for device in spec.devices
        }

    def settle(self, model_id: str) -> None:
        """Ends a promise: the model is loaded, or its load failed."""
        self._promised.pop(model_id, None)
        self._promised_devices.pop(model_id, None)

    def forget(self, model_id: str) -> None:
        """Forgets what a deleted model took."""
        for key in [key for key in self._measured if key[0] == model_id]:
            del self._measured[key]


def to_unload(
    idle: Sequence[Held], missing: int, lacking: Mapping[str, int] | None = None
) -> list[Held] | None:
    """The least recently used ones that together free `missing` bytes of the machine's memory, and
    of each device's what is `lacking` there, but none without whom the others do; None if all are
    not enough."""
    wanted = {_MACHINE: missing, **(lacking or {})}
    open_ = {place: bytes_ for place, bytes_ in wanted.items() if bytes_ > 0}
    chosen: list[Held] = []
    freed = Counter[str]()
    for each in sorted(idle, key=lambda held: held.last_used):
        takes = _takes(each)
        if any(freed[place] < bytes_ and takes.get(place) for place, bytes_ in open_.items()):
            chosen.append(each)
            freed.update(takes)
    if any(freed[place] < bytes_ for place, bytes_ in open_.items()):
        return None
    for each in reversed(chosen[:]):
        takes = _takes(each)
        if all(freed[place] - takes.get(place, 0) >= bytes_ for place, bytes_ in open_.items()):
            chosen.remove(each)
            freed.subtract(takes)
    return chosen


def _takes(held: Held) -> dict[str, int]:
    return {_MACHINE: held.weight, **held.devices}


def _key(spec: WorkerSpec) -> tuple[object, ...]:
    """A model and what its memory depends on."""
    settings = LoadSettings()
    settings.CopyFrom(spec.settings)
    settings.ClearField("keep_alive_seconds")
    where = tuple((device.device_id, device.layers) for device in spec.devices)
    return spec.model_id, settings.SerializeToString(deterministic=True), where
