"""One deployment in memory: what is kept of it, and what runs of it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from funland.v1.deployments_pb2 import Deployment, Replica
from funland.v1.errors_pb2 import Error
from funland_server.deployments.endpoints import Endpoint
from funland_server.deployments.errors import DeploymentNotRunningError
from funland_server.deployments.log import DeploymentLog
from funland_server.deployments.machine import Process, Stage
from funland_server.deployments.routing import Recent
from funland_server.deployments.runner import Runner
from funland_server.deployments.store import Kept
from funland_server.errors import FunlandError


class Slot:
    """The place of one process."""

    def __init__(self, index: int, runner: Runner) -> None:
        self.index = index
        self.runner = runner
        self.begun: asyncio.Task[None] | None = None
        """Its first start, and all tries until it succeeds."""
        self.ran = False
        self.error: FunlandError | None = None
        """Why its first start failed."""
        self.calls = 0
        """That it answers."""
        self.chosen = 0
        """When it was last chosen for a call, by a count."""
        self.recent = Recent()
        self._restarts = 0

    @property
    def process(self) -> Process:
        """Where it stands."""
        state = self.runner.state()
        if state == Replica.RUNNING:
            return Process(Stage.RUNNING)
        if self.error is not None and not self.ran:
            return Process(Stage.FAILED, self.error.to_wire())
        return Process(Stage.LOST if state == Replica.BACKING_OFF else Stage.STARTING)

    def present(self, *, leaving: bool = False) -> Replica:
        """As callers see it."""
        shown = self.runner.present()
        shown.index = self.index
        shown.active_calls = self.calls
        if leaving:
            shown.state = Replica.STOPPING
        elif self.error is not None and not self.ran:
            shown.state = Replica.BACKING_OFF
            shown.last_error = self.error.message
        return shown

    def look(self) -> None:
        """Takes note that its process may have become another."""
        if (restarts := self.runner.present().restarts) != self._restarts:
            self._restarts = restarts
            self.recent.forget()

    @contextmanager
    def called(self) -> Generator[None]:
        """While it answers a call."""
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1


class Deployed:
    """A deployment. Its `kept` is what the database has or is about to have."""

    def __init__(self, kept: Kept, log: DeploymentLog) -> None:
        self.request = kept.request
        self.kept = kept.deployment
        self.arrival = kept.arrival
        self.wanted = kept.wanted
        self.log = log
        self.given_up: Error | None = None
        """Why it can't run, until it is asked to again."""
        self.slots: list[Slot] = []
        """Of its present run."""
        self.leaving: dict[Slot, asyncio.Task[None]] = {}
        """Those that end."""
        self.ran = False
        """Whether it has answered in its present run."""
        self.held = ""
        """The model that it keeps from being deleted."""
        self.reported = Endpoint()
        """What a gateway tells of its port."""
        self.saving = asyncio.Lock()
        self.unsaved = False
        self._moved = asyncio.Event()
        self._count = 0

    @property
    def deployment_id(self) -> str:
        """Its id."""
        return self.kept.deployment_id

    @property
    def names(self) -> tuple[str, ...]:
        """Its id, and its name if it has one."""
        return tuple(filter(None, (self.deployment_id, self.kept.name)))

    @property
    def replicas(self) -> int:
        """In how many processes it is to run."""
        return self.kept.replicas

    @property
    def answers(self) -> bool:
        """Whether it answers, or is about to again after a loss."""
        state = self.kept.state
        return state == Deployment.RUNNING or (state == Deployment.STARTING and self.ran)

    def running(self) -> list[Slot]:
        """Those whose processes answer."""
        return [slot for slot in self.slots if slot.process.stage is Stage.RUNNING]

    def next_count(self) -> int:
        """Higher than ever before."""
        self._count += 1
        return self._count

    def moved(self) -> None:
        """Has who waits look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait_until_it_answers(self) -> None:
        """Returns when a process answers: at once, or when one that was lost is back.

        Raises:
            DeploymentNotRunningError: None does, and none is about to.
        """
        while not self.running():
            coming = any(slot.process.stage is Stage.STARTING for slot in self.slots)
            if not (self.answers and coming):
                state = Deployment.State.Name(self.kept.state)
                raise DeploymentNotRunningError(self.names[-1], state)
            await self._moved.wait()
