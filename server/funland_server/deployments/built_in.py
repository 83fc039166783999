"""One process of a deployment that a built-in engine runs: an instance of the model in the pool."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final, TypeAlias

import structlog

from funland.v1.deployments_pb2 import Replica
from funland.v1.models_pb2 import Lease, LoadSettings
from funland.worker.v1.worker_pb2 import TokenizeText
from funland_server.deployments.errors import DeploymentNotRunningError
from funland_server.errors import FunlandError, InternalError, ServerStoppingError
from funland_server.models.domain import Models
from funland_server.models.loading.engines import engine_version
from funland_server.workers.backoff import Backoff
from funland_server.workers.callee import Callee
from funland_server.workers.holds import Hold
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)

Write: TypeAlias = Callable[[str, str], None]
"""Takes a line for the log: its level and its text."""

_LEAST_PAUSE_SECONDS: Final = 1.0
_ENGINES: Final = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "openvino",
    LoadSettings.CTRANSLATE2: "ctranslate2",
}
_LOST: Final = "Its process ended unasked."


def instance_key(deployment_id: str, index: int) -> str:
    """The pool's key of one of a deployment's processes."""
    return f"{deployment_id}/{index}"


class BuiltInRunner:
    """See `Runner`. The pool brings back what it loses, once; after that it is asked to here."""

    def __init__(
        self,
        models: Models,
        model_id: str,
        deployment_id: str,
        index: int,
        settings: LoadSettings,
        *,
        changed: Callable[[], None],
        write: Write,
    ) -> None:
        """`changed` is called when `present` has changed."""
        self._models = models
        self._model_id = model_id
        self._deployment_id = deployment_id
        self._key = instance_key(deployment_id, index)
        self._settings = LoadSettings()
        self._settings.CopyFrom(settings)
        self._settings.keep_alive_seconds = -1
        self._changed = changed
        self._write = write
        self._keeping: asyncio.Task[None] | None = None
        self._backoff = Backoff()
        self._pausing = False
        self._last_error = ""
        self._stopping = False

    async def start(self) -> None:
        """See `Runner`."""
        hold = Hold(Lease.DEPLOYMENT, self._deployment_id)
        self._models.pool.hold(self._model_id, hold, self._key)
        worker = await self._load()
        self._tell(worker)
        self._keeping = asyncio.create_task(self._keep(worker))

    def state(self) -> Replica.State.ValueType:
        """See `Runner`."""
        return self._state(self._models.pool.worker(self._key))

    def present(self) -> Replica:
        """See `Runner`."""
        place = self._models.pool.place(self._key)
        worker = place.worker
        shown = Replica(
            state=self._state(worker), restarts=place.restarts, last_error=self._last_error
        )
        if worker is not None:
            shown.pid = worker.process.pid
            shown.node_id = worker.spec.node_id
            shown.device_ids.extend(worker.device_ids)
            shown.waiting_calls = worker.waiting_sequences
            if (memory := worker.memory_bytes) is not None:
                shown.memory_bytes = memory
        return shown

    def callee(self) -> Callee:
        """See `Runner`."""
        return self._worker()

    def engine(self) -> str:
        """See `Runner`."""
        worker = self._models.pool.worker(self._key)
        return "" if worker is None else engine_name(worker)

    async def check(self) -> None:
        """See `Runner`."""
        await self._worker().tokenize(TokenizeText(text="."))

    async def close(self) -> None:
        """See `Runner`: the pool ends what it holds."""
        self._stopping = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    async def stop(self, *, force: bool) -> None:
        """See `Runner`."""
        await self.close()
        await self._models.pool.unload(self._key, force=force)
        await self._models.pool.forget(self._key)

    def _worker(self) -> Worker:
        worker = self._models.pool.worker(self._key)
        if worker is None or self._stopping:
            state = Replica.State.Name(self._state(worker))
            raise DeploymentNotRunningError(self._deployment_id, state)
        return worker

    def _state(self, worker: Worker | None) -> Replica.State.ValueType:
        if self._stopping:
            return Replica.STOPPING
        if worker is not None:
            return Replica.RUNNING
        return Replica.BACKING_OFF if self._pausing else Replica.STARTING

    async def _load(self) -> Worker:
        return await self._models.pool.load(self._spec, self._model_id, self._settings, self._key)

    def _spec(self) -> WorkerSpec:
        """Of the model as it then is: another version may have taken its place."""
        model = self._models.catalog.get(self._model_id)
        make = self._models.loader.instance(model, self._key, self._settings)
        return replace(make(), log=self._write)

    async def _keep(self, worker: Worker) -> None:
        """Brings it back whenever it is gone, and tells what changes."""
        try:
            async with aclosing(self._models.instances.watch()) as changes:
                async for key in changes:
                    if key not in ("", self._key):  # the first is empty: nothing is missed
                        continue
                    self._changed()
                    if worker.over:
                        worker = await self._bring_back()
        except ServerStoppingError:
            return

    async def _bring_back(self) -> Worker:
        self._last_error = _LOST
        self._write("error", f"{_LOST} Another is started.")
        while True:
            try:
                worker = await self._load()
            except ServerStoppingError:
                raise
            except FunlandError as error:
                await self._pause(error)
            except Exception:  # a defect, or the machine has no more processes: that may pass
                error_id = secrets.token_hex(8)
                logger.exception("instance_not_loaded", error_id=error_id)
                await self._pause(InternalError(error_id))
            else:
                self._backoff.reset()
                self._tell(worker)
                return worker

    async def _pause(self, error: FunlandError) -> None:
        self._last_error = error.message
        self._backoff.lost(0)
        wanted = error.retry_seconds or self._backoff.remaining_seconds
        seconds = max(wanted, _LEAST_PAUSE_SECONDS)
        self._write("error", f"It does not start: {self._last_error} Next try in {seconds:.0f} s.")
        self._pausing = True
        self._changed()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pausing = False
        self._changed()

    def _tell(self, worker: Worker) -> None:
        ready = worker.ready
        where = ", ".join(worker.device_ids) or ready.device
        begun = f"Process {worker.process.pid} answers after {worker.load_ms / 1e3:.1f} s"
        how = f"{engine_name(worker)} on {where}"
        room = f"{ready.slots} slots, {ready.context_length} tokens"
        self._write("info", f"{begun}: {how}, {room}.")
        self._changed()


def engine_name(worker: Worker) -> str:
    """What computes a model, and its version, such as `llama.cpp 0.3.36`."""
    engine = worker.ready.engine
    return f"{_ENGINES.get(engine, '')} {engine_version(engine)}".strip()
