"""Runs tasks: claims those whose turn it is, carries each to its end, and says that it lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.tasks_pb2 import Lane, Task, TaskResult
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.identity import act_as, on_behalf_of
from funland_server.inference.failing import told_error
from funland_server.metrics import Metrics
from funland_server.tasks import deciding
from funland_server.tasks.claiming import Claimant, Claimed
from funland_server.tasks.clock import Clock
from funland_server.tasks.deciding import Again, Cut, End, Verdict
from funland_server.tasks.ending import Ended
from funland_server.tasks.kinds import Kind, NotHereError
from funland_server.tasks.membership import Membership
from funland_server.tasks.pace import Pace
from funland_server.tasks.running import Run
from funland_server.tasks.store import TaskStore
from funland_server.tasks.tracing import RunTraces

logger = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 1.0


class Runner:
    """The tasks that run on this server."""

    def __init__(
        self,
        store: TaskStore,
        membership: Membership,
        limits: Callable[[int], int],
        *,
        kinds: Mapping[int, Kind],
        clock: Clock,
        metrics: Metrics,
        publish: Callable[[str], None],
        pace: Pace,
        accounts: bool,
        count: Callable[[str], Callable[[int], None]],
        traces: RunTraces | None = None,
    ) -> None:
        """`limits` says how many tasks of a lane may run, and `kinds` which can; there may come
        more. `publish` is told the ids of tasks that have changed. With `accounts`, a task may be
        a user's; `count` gives who is told of the tokens that those of an access key take."""
        self.traces = traces or RunTraces()
        """Those of the tasks that run here."""
        self._accounts = accounts
        self._count = count
        self._store = store
        self._membership = membership
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._publish = publish
        self._pace = pace
        self.kinds = kinds
        self._runs: dict[str, Run] = {}
        self._aside: dict[str | tuple[int, str], float] = {}
        """The tasks that can't be done here, or all of a kind and model, each until when it is
        passed over."""
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._asked_to_cancel = False
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []

    @property
    def running(self) -> Counter[int]:
        """How many run here, by lane."""
        return Counter(run.lane for run in self._runs.values())

    def find(self, task_id: str) -> Run | None:
        """A task that runs here."""
        return self._runs.get(task_id)

    def start(self) -> None:
        """Begins to claim."""
        self._loops = [
            asyncio.create_task(self._claim_for_ever()),
            asyncio.create_task(self._save_progress_for_ever()),
        ]

    def look(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def lose(self) -> None:
        """Ends all tasks, which others may have by now."""
        for run in list(self._runs.values()):
            run.stop(Cut.LOST)

    async def drain(self, seconds: float) -> None:
        """Claims no more, and lets those that run go on for so long; then they wait again, and at
        once those that would lose nothing by that."""
        self._stopping = True
        self._wake.set()
        for run in list(self._runs.values()):
            if self.kinds[run.kind].resumes:
                run.stop(Cut.STOPPING)
        if runs := [run.carried for run in self._runs.values() if run.carried is not None]:
            await asyncio.wait(runs, timeout=seconds)
        # Before other domains stop, so that none fails for that.
        await self.stop()

    async def stop(self) -> None:
        """Ends all; twice is no error."""
        self._stopping = True
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        if loops:
            await asyncio.wait(loops)
        for run in list(self._runs.values()):
            run.stop(Cut.STOPPING)
        if runs := [run.carried for run in self._runs.values() if run.carried is not None]:
            await asyncio.wait(runs)

    async def _claim_for_ever(self) -> None:
        while not self._stopping:
            self._wake.clear()
            seconds = _AGAIN_SECONDS
            try:
                seconds = await self._look()
            except FunlandError as error:
                logger.warning("tasks_not_seen", error=error.message)
            except Exception:
                logger.exception("tasks_not_seen")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    async def _look(self) -> float:
        """Does what is due; gives after how many seconds to look again."""
        now = self._clock.micros()
        for run in self._runs.values():
            if deciding.is_late(run.deadline, now):
                run.stop(Cut.LATE)
        due = await self._store.due()
        if due.ready is not None and due.ready <= now:
            await self._store.make_ready()
            self._wake.set()
        if deciding.is_late(due.late, now):
            for task_id in await self._store.fail_late():
                self._publish(task_id)
            self._wake.set()
        if self._runs and (self._store.shared or self._asked_to_cancel):
            self._asked_to_cancel = False
            for task_id in await self._store.to_be_cancelled(self._membership.server_id):
                self.cancel(task_id)
        await self._claim()
        deadlines = [run.deadline for run in self._runs.values() if run.cut is None]
        times = [time for time in (due.ready, due.late, *deadlines) if time is not None]
        pace = self._pace.seconds if self._store.shared else self._pace.alone_seconds
        if self._aside:
            pace = min(pace, _AGAIN_SECONDS)
        return max(0.0, min(pace, *((time - now) / 1e6 for time in times))) if times else pace

    def cancel(self, task_id: str) -> Run | None:
        """Has a task that runs here end; None: it does not."""
        run = self._runs.get(task_id)
        if run is not None:
            run.stop(Cut.CANCELLED)
        else:  # it may have been claimed, and not be begun yet
            self._asked_to_cancel = True
            self._wake.set()
        return run

    async def _claim(self) -> None:
        running = self.running
        by_lane: dict[int, list[int]] = {}
        for number, kind in self.kinds.items():
            by_lane.setdefault(kind.lane, []).append(number)
        places = {
            lane: free for lane in by_lane if (free := self._limits(lane) - running[lane]) > 0
        }
        if not places or self._stopping or not self._membership.lives:
            return
        now = self._clock.monotonic()
        self._aside = {one: until for one, until in self._aside.items() if until > now}
        claimant = Claimant(
            self._membership.server_id,
            self._membership.home_id,
            list(self.kinds),
            aside=[one for one in self._aside if isinstance(one, str)],
            lacked=[one for one in self._aside if not isinstance(one, str)],
        )
        for claimed in await self._store.claim(claimant, places):
            # One that was taken for dead meanwhile leaves them to who takes them back.
            if claimant.server_id == self._membership.server_id and self._membership.lives:
                self._begin(claimed, claimant.server_id)

    def _begin(self, claimed: Claimed, owner: str) -> None:
        run = Run(claimed, owner, self._come_on)
        self._runs[run.task_id] = run
        if run.attempt == 1:
            waited = self._clock.micros() - max(claimed.row.number, claimed.row.ready_time)
            self._metrics.task_wait_seconds.labels(_lane(run)).observe(max(waited, 0) / 1e6)
        self._metrics.tasks_running.labels(_lane(run)).inc()
        run.carried = asyncio.create_task(self._carry(run))
        self._publish(run.task_id)
        if run.deadline is not None:
            self._wake.set()  # it may be the next time to look

    def _come_on(self, task_id: str) -> None:
        self._progress.set()
        self._publish(task_id)

    async def _carry(self, run: Run) -> None:
        """Runs a task, and writes what became of it."""
        span, verdict = self.traces.begin(run), None
        try:
            verdict, result = await self._ended(run)
            if verdict is not None:
                await self._write(run, verdict, result)
        finally:
            self.traces.end(run, span, verdict)
            del self._runs[run.task_id]
            self._metrics.tasks_running.labels(_lane(run)).dec()
            self._publish(run.task_id)
            self._wake.set()

    async def _ended(self, run: Run) -> tuple[Verdict | None, TaskResult | None]:
        """What becomes of a task that is run."""
        if deciding.is_late(run.deadline, self._clock.micros()):
            return deciding.late(run.task_id), None
        failed: BaseException
        try:
            if self._accounts and (owner := await self._store.owner(run.task_id)):
                act_as(on_behalf_of(owner, self._count(run.key_id)))  # what it makes is theirs
            result = await run.work_to_its_end(self.kinds[run.kind].run(run))
        except (Exception, asyncio.CancelledError) as error:
            failed = error
        else:
            if run.cut is None:
                return End(Task.COMPLETED), result
            failed = asyncio.CancelledError()
        if run.cut is not None:
            return deciding.after_cut(run.cut, run.task_id), None
        match failed:
            case NotHereError():
                aside = (run.kind, run.model) if failed.model and run.model else run.task_id
                self._aside[aside] = self._clock.monotonic() + self._pace.aside_seconds
                cause = told_error(failed.__cause__ or failed, task_id=run.task_id).to_wire()
                membership = self._membership
                others = membership.others_that_know(run.kind)
                verdict = deciding.after_not_here(cause, membership.home_id, run.lacked_by, others)
                return verdict, None
            case ServerStoppingError():
                return deciding.Back(), None
            case _:
                wire = told_error(failed, task_id=run.task_id).to_wire()
                return deciding.after_failure(wire, run.failures, run.max_attempts), None

    async def _write(self, run: Run, verdict: Verdict, result: TaskResult | None) -> None:
        """Writes it as soon as that can be, as long as the task is this server's."""
        percent = run.told.percent if isinstance(verdict, End) else None
        if result is not None and percent is not None:
            percent = 100.0
        ended = Ended(run.task_id, verdict, run.fence, run.told.revision, percent, result)
        while run.cut is not Cut.LOST:
            try:
                if await self._store.end(ended):
                    self._report(run, verdict)
                return
            except FunlandError as error:
                logger.warning("task_end_unwritten", task_id=run.task_id, error=error.message)
            except Exception as error:
                logger.exception("task_end_unwritten", task_id=run.task_id)
                if result is None:
                    return
                # The result is what can't be written: without it, it can.
                wire = told_error(error, task_id=run.task_id).to_wire()
                verdict, result = End(Task.FAILED, wire), None
                ended = Ended(run.task_id, verdict, run.fence, run.told.revision, percent)
            if self._stopping:
                return  # the next start finds it, and runs it again
            await asyncio.sleep(_AGAIN_SECONDS)

    def _report(self, run: Run, verdict: Verdict) -> None:
        if isinstance(verdict, End):
            state = Task.State.Name(verdict.state)
            self._metrics.tasks_ended.labels(_lane(run), state).inc()
            reason = verdict.error and ErrorReason.Name(verdict.error.reason)
            logger.info("task_ended", task_id=run.task_id, state=state, reason=reason)
        elif isinstance(verdict, Again):
            reason = ErrorReason.Name(verdict.error.reason)
            logger.info("task_again", task_id=run.task_id, seconds=verdict.seconds, reason=reason)

    async def _save_progress_for_ever(self) -> None:
        while True:
            await self._progress.wait()
            self._progress.clear()
            dirty = [run for run in self._runs.values() if run.told is not run.saved]
            try:
                await self._store.save_progress(dirty)
            except FunlandError as error:  # it is told all the same, and written with the next
                logger.debug("progress_unwritten", error=error.message)
            await asyncio.sleep(self._pace.progress_seconds)


def _lane(run: Run) -> str:
    return Lane.Name.Name(Lane.Name.ValueType(run.lane))
