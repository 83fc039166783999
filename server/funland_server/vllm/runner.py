"""Keeps one vLLM running: what is lost is started again, ever later."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog

from funland.v1.deployments_pb2 import Replica
from funland_server.errors import FunlandError, InternalError, ServerStoppingError
from funland_server.vllm.arguments import Model
from funland_server.vllm.callee import Observe, VllmCallee
from funland_server.vllm.http import Http, RefusedError
from funland_server.vllm.process import Launch, LogSink, VllmProcess
from funland_server.vllm.reading import find_out
from funland_server.workers.backoff import Backoff
from funland_server.workers.callee import Callee
from funland_server.workers.errors import (
    ModelLoadFailedError,
    ModelUnloadedError,
    WorkerLostError,
)
from funland_server.workers.spec import LOCAL_NODE

logger = structlog.get_logger(__name__)

_STRANGE: Final = (RefusedError, LookupError, ValueError, TypeError, AttributeError)
"""What an answer raises that is none of those that are known."""
_MISSED: Final = 3
"""So many questions in a row without an answer show that it hangs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a vLLM is started."""

    launch: Launch
    model: Model
    engine: str
    """What people call it: `vllm 0.32.0`."""
    slots: int
    """How many calls it answers at once; 0: it does not tell."""
    device: str
    device_ids: tuple[str, ...]
    start_seconds: float
    """How long it may take until it answers."""
    silent_seconds: float
    """How long it may take to say that it is well."""


class VllmRunner:
    """One process of a deployment. Implements `funland_server.deployments.runner.Runner`."""

    def __init__(
        self,
        model_id: str,
        plan: Callable[[], Awaitable[Plan]],
        *,
        changed: Callable[[], None],
        write: LogSink,
        observe: Observe,
        not_running: Callable[[str], FunlandError],
        backoff: Backoff | None = None,
    ) -> None:
        """`plan` is asked before each start, `changed` is called when `present` has changed,
        `write` is given lines of the log, `observe` what calls do; `not_running` makes the error
        for calls that nothing answers, of the state."""
        self._model_id = model_id
        self._plan = plan
        self._changed = changed
        self._write = write
        self._observe = observe
        self._not_running = not_running
        self._backoff = backoff or Backoff()
        self._state: Replica.State.ValueType = Replica.STARTING
        self._process: VllmProcess | None = None
        self._callee: VllmCallee | None = None
        self._planned: Plan | None = None
        self._restarts = 0
        self._last_error = ""
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """See `Runner`.

        Raises:
            EngineUnavailableError: vLLM is not installed.
            ModelLoadFailedError: It can't run the model, or takes too long.
            ModelUnloadedError: It was stopped meanwhile.
        """
        try:
            since = await self._launch()
        except FunlandError as error:
            self._last_error = error.message
            if self._stopping:
                raise ModelUnloadedError(self._model_id) from error
            raise
        self._keeping = asyncio.create_task(self._keep(since))

    def state(self) -> Replica.State.ValueType:
        """See `Runner`."""
        return self._state

    def present(self) -> Replica:
        """See `Runner`."""
        shown = Replica(state=self._state, restarts=self._restarts, last_error=self._last_error)
        if self._planned is not None:
            shown.device_ids.extend(self._planned.device_ids)
        process = self._process
        if process is not None and process.pid is not None:
            shown.pid = process.pid
            shown.node_id = LOCAL_NODE
            if (memory := process.memory_bytes()) is not None:
                shown.memory_bytes = memory
        return shown

    def callee(self) -> Callee:
        """See `Runner`."""
        if self._callee is None or self._state != Replica.RUNNING:
            raise self._not_running(Replica.State.Name(self._state))
        return self._callee

    @property
    def http(self) -> Http:
        """The present process' API, for who looks behind it. Raises RuntimeError if there is
        none."""
        if self._process is None:
            raise RuntimeError("No vLLM runs.")
        return self._process.http

    def engine(self) -> str:
        """See `Runner`."""
        running = self._planned is not None and self._state == Replica.RUNNING
        return self._planned.engine if running and self._planned is not None else ""

    async def check(self) -> None:
        """See `Runner`.

        Raises:
            DeploymentNotRunningError, WorkerLostError
        """
        self.callee()
        if self._process is None:
            raise WorkerLostError(self._model_id)
        try:
            await self._process.http.get("/health")
        except RefusedError as refused:
            raise WorkerLostError(self._model_id) from refused

    async def close(self) -> None:
        """See `Runner`."""
        self._stopping = True
        self._to(Replica.STOPPING)
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        await self._end(lambda _: ServerStoppingError(), force=True)

    async def stop(self, *, force: bool) -> None:
        """See `Runner`."""
        self._stopping = True
        self._to(Replica.STOPPING)
        if self._callee is not None and not force:
            await self._callee.wait_idle()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        await self._end(ModelUnloadedError, force=force)

    async def _launch(self) -> float:
        """Starts a process; gives when it answered. Raises as `start`."""
        self._to(Replica.STARTING)
        plan = self._planned = await self._plan()
        if self._stopping:
            raise ModelUnloadedError(self._model_id)
        process = self._process = VllmProcess(plan.launch, self._write)
        begin = monotonic()
        try:
            await process.start(plan.start_seconds)
            serving = await find_out(process.http, plan.model, slots=plan.slots, device=plan.device)
        except _STRANGE as error:
            await process.end(force=True)
            raise ModelLoadFailedError(
                f"{plan.engine} does not answer as Funland knows it: {error!r}",
                model=self._model_id,
            ) from error
        except BaseException:
            await process.end(force=True)
            raise
        if self._stopping:
            await process.end(force=True)
            raise ModelUnloadedError(self._model_id)
        self._callee = VllmCallee(process.http, serving, plan.device_ids, self._observe)
        self._write(
            "info",
            f"Process {process.pid} answers after {monotonic() - begin:.1f} s: {plan.engine} on"
            f" {', '.join(plan.device_ids) or plan.device},"
            f" {serving.served.context_length} tokens.",
        )
        self._to(Replica.RUNNING)
        return monotonic()

    async def _keep(self, since: float) -> None:
        """Brings it back whenever it is lost, until it is stopped."""
        while True:
            await self._loss(since)
            while True:
                if seconds := self._backoff.remaining_seconds:
                    self._write(
                        "error", f"It is started again in {seconds:.0f} s: {self._last_error}"
                    )
                    self._to(Replica.BACKING_OFF)
                    await asyncio.sleep(seconds)
                try:
                    since = await self._launch()
                except FunlandError as error:
                    self._not_started(error)
                except Exception:  # a defect, or the machine has no more processes: that may pass
                    error_id = secrets.token_hex(8)
                    logger.exception("vllm_not_started", error_id=error_id)
                    self._not_started(InternalError(error_id))
                else:
                    break

    def _not_started(self, error: FunlandError) -> None:
        self._last_error = error.message
        self._backoff.lost(0)

    async def _loss(self, since: float) -> None:
        """Waits until the process is lost, and counts that."""
        process = self._process
        assert process is not None  # noqa: S101 - it has just answered
        watching = asyncio.create_task(self._watch(process))
        try:
            code = await process.ended()
        finally:
            watching.cancel()
        self._restarts += 1
        self._last_error = process.why(code)
        self._backoff.lost(monotonic() - since)
        self._write("error", f"{self._last_error} Another is started.")
        self._to(Replica.STARTING)
        await self._end(WorkerLostError, force=True)

    async def _watch(self, process: VllmProcess) -> None:
        """Ends a process that hangs: then it is lost, as one that ended by itself."""
        assert self._planned is not None  # noqa: S101 - it was started by a plan
        patience = self._planned.silent_seconds
        missed = 0
        while missed < _MISSED:
            await asyncio.sleep(patience)
            try:
                async with asyncio.timeout(patience):
                    await process.http.get("/health")
                missed = 0
            except (TimeoutError, WorkerLostError, RefusedError):
                missed += 1
        self._write("error", f"It did not answer for {_MISSED * patience:g} s and is ended.")
        process.kill()

    async def _end(self, reason: Callable[[str], FunlandError], *, force: bool) -> None:
        callee, process = self._callee, self._process
        if callee is not None:
            callee.end(lambda: reason(self._model_id))
        self._callee = None
        if process is not None:
            await process.end(force=force)

    def _to(self, state: Replica.State.ValueType) -> None:
        if self._stopping:
            state = Replica.STOPPING
        if state != self._state:
            self._state = state
            self._changed()
