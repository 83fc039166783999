"""What is known of those that wait for memory, and what can become of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from funland_server.errors import FunlandError
from funland_server.workers.fit import Held, Kind, Memories
from funland_server.workers.spec import WorkerSpec


@dataclass(frozen=True, slots=True)
class Waiting:
    """A worker that is to be started."""

    spec: WorkerSpec
    key: str
    """Of its place, whose present worker would end first; empty for a guest, who has none."""
    since: float
    until: float
    """When its patience is over."""
    callers: int = 0
    """Calls that wait for it."""
    wanted: bool = True
    """Whether it is to be loaded even if no call waits for it."""
    evicts: bool = True
    """Whether others leave for it."""

    @property
    def kind(self) -> Kind:
        """What calls of the model are for."""
        return self.spec.kind


@dataclass(frozen=True, slots=True)
class State:
    """All that is decided by. Times are those of `time.monotonic`."""

    now: float
    memories: Memories
    waiting: tuple[Waiting, ...] = ()
    needed: Callable[[WorkerSpec], int] = lambda spec: spec.needed_bytes
    """What a worker will take of the machine's memory, in bytes; 0: nothing is known."""


@dataclass(frozen=True, slots=True)
class Start:
    """It has room, when those have left that `evict` names by their keys."""

    waiting: Waiting
    spec: WorkerSpec
    """With its devices."""
    evict: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """It would have room without what is there for a while."""

    waiting: Waiting
    why: str
    models: tuple[str, ...] = ()
    """The ids of those that it waits for."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It has no room, and waiting would not help, or did not."""

    waiting: Waiting
    error: FunlandError


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody wants it any more."""

    waiting: Waiting


Decision: TypeAlias = Start | Wait | Refuse | Drop


def promise(spec: WorkerSpec, needed: int, kept_by: str = "", *, guest: bool = False) -> Held:
    """What a worker will take that is being started."""
    return Held(
        spec.key,
        needed,
        resident=0,
        model_id=spec.model_id,
        kind=spec.kind,
        loading=True,
        guest=guest,
        kept_by=kept_by,
        keep_alive_seconds=spec.keep_alive_seconds,
        devices={device.device_id: device.bytes for device in spec.devices},
    )
