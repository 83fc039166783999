"""What fits into the memory beside what is loaded: the arithmetic of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from funland.v1.models_pb2 import Model
from funland_server.workers.machine import MachineMemory
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.taken import Taken

_MACHINE = ""
"""Stands for the machine's memory among the devices' ids."""

Kind = Model.Kind.ValueType


@dataclass(frozen=True, slots=True)
class Held:
    """What a worker takes, or will take, and what keeps it."""

    key: str
    """Whose worker: see `WorkerSpec.key`."""
    weight: int
    """What counts of it, in bytes."""
    resident: int
    """What its process has now, in bytes."""
    last_used: float = 0
    """When its last call ended."""
    model_id: str = ""
    """Of which model, if that is not the key."""
    kind: Kind = Model.TEXT
    calls: int = 0
    """Those under way, and those that wait for it."""
    loading: bool = False
    """It is promised: its process is being started, or will be as soon as others have ended."""
    leaving: bool = False
    """It takes no new calls, or none at all: its memory will be free."""
    guest: bool = False
    """It is for one caller alone, and then ends."""
    kept_by: str = ""
    """Who holds it for good, in words: a pin or a deployment."""
    keep_alive_seconds: float = -1
    """How long it stays without calls; negative: for ever."""
    devices: Mapping[str, int] = field(default_factory=dict[str, int])
    """What counts of it on devices, by their ids; where they share the machine's memory it counts
    there too."""
    resident_devices: Mapping[str, int] = field(default_factory=dict[str, int])
    """What it has there now."""

    @property
    def model(self) -> str:
        """The id of its model."""
        return self.model_id or self.key


@dataclass(frozen=True, slots=True)
class Memories:
    """The memories, and what Funland's own models have of them."""

    machine: MachineMemory
    limit: int
    """The most that models may take of the machine's, all together."""
    held: tuple[Held, ...] = ()


def room(memories: Memories, replaced: Held | None = None) -> int:
    """How many bytes a further model can take of the machine's memory beside those that are loaded
    or being loaded. The `replaced` one ends before it begins."""
    held = [each for each in memories.held if each is not replaced]
    weight = sum(each.weight for each in held)
    growth = sum(each.weight - each.resident for each in held)
    available = memories.machine.available + (replaced.resident if replaced else 0)
    return min(memories.limit - weight, available - growth)


def available(memories: Memories, free: Iterable[Held], replaced: Held | None = None) -> int:
    """As `room`, when all that are `free` have left; not below 0."""
    return max(0, room(memories, replaced) + sum(each.weight for each in free))


def taken(memories: Memories, free: Sequence[Held], replaced: Held | None = None) -> Taken:
    """What models have of the memories, for who chooses devices: those that are `free` would
    leave."""
    every, staying, idle = Counter[str](), Counter[str](), Counter[str]()
    leaving = {id(each) for each in free}
    for each in memories.held:
        every.update(each.resident_devices)
        if each is not replaced:
            (idle if id(each) in leaving else staying).update(each.devices)
    return Taken(available(memories, free, replaced), every, staying, idle)


def to_unload(
    memories: Memories, spec: WorkerSpec, needed: int, free: Sequence[Held], replaced: Held | None
) -> list[Held] | None:
    """Which of those that are `free` leave for a model that was placed as if all of them did, the
    first of them first; None if all are not enough. Of what nothing is known, nothing is asked."""
    missing = needed - room(memories, replaced) if needed else 0
    lacking: dict[str, int] = {}
    for device in spec.devices:
        if device.available_bytes is not None:
            leaving = sum(each.devices.get(device.device_id, 0) for each in free)
            lacking[device.device_id] = device.bytes - (device.available_bytes - leaving)
    return chosen(free, missing, lacking)


def chosen(
    free: Sequence[Held], missing: int, lacking: Mapping[str, int] | None = None
) -> list[Held] | None:
    """The first that together free `missing` bytes of the machine's memory, and of each device's
    what is `lacking` there, but none without whom the others do; None if all are not enough."""
    wanted = {_MACHINE: missing, **(lacking or {})}
    open_ = {place: bytes_ for place, bytes_ in wanted.items() if bytes_ > 0}
    found: list[Held] = []
    freed = Counter[str]()
    for each in free:
        takes = _takes(each)
        if any(freed[place] < bytes_ and takes.get(place) for place, bytes_ in open_.items()):
            found.append(each)
            freed.update(takes)
    if any(freed[place] < bytes_ for place, bytes_ in open_.items()):
        return None
    for each in reversed(found[:]):
        takes = _takes(each)
        if all(freed[place] - takes.get(place, 0) >= bytes_ for place, bytes_ in open_.items()):
            found.remove(each)
            freed.subtract(takes)
    return found


def _takes(held: Held) -> dict[str, int]:
    return {_MACHINE: held.weight, **held.devices}
