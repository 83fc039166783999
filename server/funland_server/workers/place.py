"""What the pool knows of one model, or of one instance of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from funland_server.errors import FunlandError
from funland_server.workers.backoff import Backoff
from funland_server.workers.holds import Hold
from funland_server.workers.loading import Load
from funland_server.workers.worker import Worker


@dataclass(slots=True)
class Place:
    """A model's place in the pool, whether a worker holds the model or not."""

    model_id: str
    instance: str = ""
    """Of an instance: its key."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever loads or unloads."""
    backoff: Backoff = field(default_factory=Backoff)
    callers: int = 0
    """Calls that wait for the worker."""
    leaving: bool = False
    """The worker takes no new calls: it ends when it is idle."""
    acquiring: asyncio.Task[Worker] | None = None
    """What all callers wait for that want the model and don't find it."""
    holder: Worker | None = None
    """The worker that holds the model, or that was lost last."""
    loading: bool = False
    load: Load = field(default_factory=Load)
    """How far the load is that is under way, or that somebody has asked for."""
    holds: dict[str, Hold] = field(default_factory=dict[str, Hold])
    """What keeps it in memory, by the holder; a pin's is empty."""
    error: FunlandError | None = None
    """Why the latest load failed, if it did."""
    restarts: int = 0
    """How often the worker was lost."""
    keep_alive_seconds: float = -1
    watch: asyncio.Task[None] | None = None
    """Brings back a worker that is lost."""
    keeping: asyncio.Task[None] | None = None
    """Unloads the model when nobody calls."""

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return self.instance or self.model_id

    @property
    def worker(self) -> Worker | None:
        """The worker that holds the model now, if one does."""
        return self.holder if self.holder is not None and not self.holder.over else None

    @property
    def kept_by(self) -> str:
        """What keeps it in memory, in words; empty: nothing does."""
        return " and ".join(str(hold) for hold in self.holds.values())

    @property
    def idle(self) -> bool:
        """Whether the model is loaded and nobody has to do with it."""
        worker = self.worker
        if worker is None or self.turn.locked() or self.callers:
            return False
        return worker.calls == 0

    @property
    def unload_seconds(self) -> float | None:
        """In how long the model is unloaded if no call comes; None if that is never, or calls are
        under way."""
        worker = self.worker
        if worker is None or worker.calls or self.holds or self.keep_alive_seconds < 0:
            return None
        return max(0.0, worker.idle_since + self.keep_alive_seconds - monotonic())

    @property
    def retry_seconds(self) -> float | None:
        """In how long the model may be started again; None if it may be now."""
        return self.backoff.remaining_seconds or None

    def tasks(self) -> list[asyncio.Task[Worker] | asyncio.Task[None]]:
        """All that goes on in the background."""
        return [task for task in (self.watch, self.keeping, self.acquiring) if task]

    def let_go(self) -> None:
        """Ends what watches over the worker, unless that is who asks."""
        for task in (self.watch, self.keeping):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
