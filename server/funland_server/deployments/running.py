"""Does for each deployment what `machine` decides, and tells what came of it."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog

from funland.v1.deployments_pb2 import Deployment
from funland.v1.downloads_pb2 import Download
from funland_server.deployments.asking import engine_of
from funland_server.deployments.deployed import Deployed, Slot
from funland_server.deployments.endpoints import Endpoint
from funland_server.deployments.machine import STATES, Decision, Situation, Task, decide
from funland_server.deployments.roster import Roster
from funland_server.deployments.runner import Runner
from funland_server.deployments.serving import Serving
from funland_server.downloads.domain import Downloads
from funland_server.errors import FunlandError, InternalError, ServerStoppingError
from funland_server.metrics import Metrics
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.loading.holders import Holders
from funland_server.storage.saving import Saving
from funland_server.storage.waiting_out import wait_out
from funland_server.workers.backoff import Backoff

logger = structlog.get_logger(__name__)

_LEAST_PAUSE_SECONDS: Final = 1.0
_RUNS: Final = (Deployment.RUNNING, Deployment.STARTING)


class MakeRunner(Protocol):
    """Makes what keeps a process of a deployment running."""

    def __call__(self, deployed: Deployed, index: int, changed: Callable[[], None]) -> Runner:
        """Of the deployment's engine. `changed` is to be called when its `present` has changed.
        Raises FunlandError."""
        ...


class Running:
    """The deployments of one server, from what is wanted to what is."""

    def __init__(
        self,
        roster: Roster,
        catalog: ModelCatalog,
        holders: Holders,
        downloads: Downloads,
        make: MakeRunner,
        *,
        saving: Saving[Deployed],
        serving: Serving,
        metrics: Metrics,
        publish: Callable[[str], None],
    ) -> None:
        """`publish` is told the id of what changed."""
        self._roster = roster
        self._catalog = catalog
        self._holders = holders
        self._downloads = downloads
        self._make = make
        self._saving = saving
        self._serving = serving
        self._metrics = metrics
        self._publish = publish
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def look(self, deployed: Deployed) -> None:
        """Does what is to be done for a deployment now. Whoever changed something calls it."""
        while not self._stopping:
            decision = decide(self._situation(deployed))
            self._stand(deployed, decision)
            match decision.task:
                case Task.BEGIN:
                    self._begin(deployed)
                case Task.END:
                    self.end(deployed, force=False)
                case None:
                    break
        for slot in deployed.slots:
            slot.look()
        self._hold(deployed)
        self._serving.look()
        deployed.moved()
        self._publish(deployed.deployment_id)

    def end(self, deployed: Deployed, *, force: bool) -> None:
        """Ends all processes, those too that end already if `force`."""
        slots = [*deployed.slots, *(deployed.leaving if force else ())]
        deployed.slots = []
        deployed.ran = False
        for slot in slots:
            if slot.begun is not None:
                slot.begun.cancel()
            deployed.leaving[slot] = self._do(self._leave(deployed, slot, force=force))

    async def close(self) -> None:
        """Lets go of all as they are, for the next start. Closing twice is no error."""
        self._stopping = True
        for deployed in self._roster:
            deployed.moved()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        slots = [slot for one in self._roster for slot in (*one.slots, *one.leaving)]
        await asyncio.gather(*(slot.runner.close() for slot in slots))
        await self._saving.close(self._roster)

    def _situation(self, deployed: Deployed) -> Situation:
        download = self._downloads.find(deployed.kept.download_id)
        if download is not None and download.state == Download.COMPLETED:
            deployed.kept.model = download.model_id
            download = None
        return Situation(
            model=deployed.kept.model,
            wanted=deployed.wanted,
            given_up=deployed.given_up,
            installed=download is None and self._catalog.find(deployed.kept.model) is not None,
            download=download,
            processes=tuple(slot.process for slot in deployed.slots),
            leaving=bool(deployed.leaving),
        )

    def _stand(self, deployed: Deployed, decision: Decision) -> None:
        kept = deployed.kept
        if decision.error is not None:
            deployed.given_up = decision.error
        if decision.state == kept.state and decision.error in (None, kept.error):
            return
        name = Deployment.State.Name(decision.state)
        why = f": {decision.error.message}" if decision.error is not None else "."
        logger.info("deployment_changed", deployment_id=deployed.deployment_id, state=name)
        deployed.log.write(f"The deployment is {name}{why}", "error" if decision.error else "info")
        kept.state = decision.state
        kept.ClearField("error")
        if decision.error is not None:
            kept.error.CopyFrom(decision.error)
        now = datetime.now(UTC)
        kept.update_time.FromDatetime(now)
        if decision.state == Deployment.RUNNING and not deployed.ran:
            deployed.ran = True
            kept.start_time.FromDatetime(now)
        if decision.state not in _RUNS:
            deployed.ran = False
            deployed.reported = Endpoint()
        self.count()
        self._saving.save_soon(deployed)

    async def to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something to its end, also if the caller is cancelled meanwhile."""
        task = self._do(work)
        if (told := await wait_out(task)) is not None:
            task.exception()  # asyncio would report that nobody asked
            raise told
        task.result()

    def count(self) -> None:
        """Shows how many there are of each state."""
        states = Counter(deployed.kept.state for deployed in self._roster)
        for state in STATES:
            self._metrics.deployments.labels(Deployment.State.Name(state)).set(states[state])

    def _hold(self, deployed: Deployed) -> None:
        """Keeps the model of a deployment from being deleted, as long as that is there."""
        there = self._roster.find(deployed.deployment_id) is deployed
        model = deployed.kept.model if there else ""
        if model != deployed.held:
            self._holders.let_go(deployed.held, deployed.deployment_id)
            if model:
                self._holders.hold(model, deployed.deployment_id)
            deployed.held = model

    def _begin(self, deployed: Deployed) -> None:
        model = self._catalog.get(deployed.kept.model)
        deployed.kept.model = model.model_id
        deployed.kept.engine = engine_of(deployed.request, model)

        def changed() -> None:
            self.look(deployed)

        try:
            deployed.slots = [
                Slot(index, self._make(deployed, index, changed))
                for index in range(deployed.replicas)
            ]
        except FunlandError as error:
            deployed.given_up = error.to_wire()
            return
        for slot in deployed.slots:
            slot.begun = self._do(self._bring_up(deployed, slot))

    async def _bring_up(self, deployed: Deployed, slot: Slot) -> None:
        """Starts a process for the first time, and tries again as long as others of it run."""
        backoff = Backoff()
        while True:
            try:
                await slot.runner.start()
            except ServerStoppingError:
                return
            except FunlandError as error:
                slot.error = error
            except Exception:  # a defect
                error_id = secrets.token_hex(8)
                logger.exception("deployment_start_failed", error_id=error_id)
                slot.error = InternalError(error_id)
            else:
                slot.ran = True
                slot.error = None
                self.look(deployed)
                return
            deployed.log.write(f"It does not start: {slot.error.message}", "error", slot.index)
            backoff.lost(0)
            pause = slot.error.retry_seconds or backoff.remaining_seconds
            self.look(deployed)
            await asyncio.sleep(max(pause, _LEAST_PAUSE_SECONDS))

    async def _leave(self, deployed: Deployed, slot: Slot, *, force: bool) -> None:
        if slot.begun is not None:
            await asyncio.wait([slot.begun])
        try:
            await slot.runner.stop(force=force)
        except Exception:
            logger.exception("deployment_stop_failed", deployment_id=deployed.deployment_id)
        if deployed.leaving.get(slot) is asyncio.current_task():
            del deployed.leaving[slot]
        self.look(deployed)

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
