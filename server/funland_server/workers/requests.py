"""Workers that are to be started, as those who wait for them see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from funland_server.workers.decisions import Waiting
from funland_server.workers.place import Place
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.worker import Worker


@dataclass(slots=True, eq=False)
class Guest:
    """A worker that is no model's own, from the moment on that it has room."""

    spec: WorkerSpec
    worker: Worker | None = None
    """None until it is loaded."""


@dataclass(slots=True, eq=False)
class Request:
    """A worker that is to be started, in a model's place or as a guest."""

    spec: WorkerSpec
    answer: asyncio.Future[WorkerSpec]
    place: Place | None = None
    guest: Guest | None = None
    wanted: bool = True
    since: float = field(default_factory=monotonic)

    @property
    def device_ids(self) -> Sequence[str]:
        """The devices that it names."""
        return self.spec.settings.device_ids

    def waiting(self, patience_seconds: float) -> Waiting:
        """How it stands. What trains waits as models do, and idle ones leave for it; a guest that
        measures a model does neither."""
        until = self.since + patience_seconds
        if self.place is None:
            trains = self.spec.trains
            until = until if trains else self.since
            return Waiting(self.spec, "", self.since, until, evicts=trains)
        callers = self.place.callers
        return Waiting(self.spec, self.place.key, self.since, until, callers, wanted=self.wanted)
