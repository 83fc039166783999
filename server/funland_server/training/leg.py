"""A run's way from one rest to the next, as a task of the queue: a worker's events become rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.training_pb2 import TrainingRun, TrainingStep
from funland.worker.v1.worker_pb2 import Job, JobEvent, TrainAdapter, TrainedAdapter, TrainingBegun
from funland_server.blobs.store import Blobs
from funland_server.errors import FunlandError
from funland_server.files.on_disk import to_its_end
from funland_server.models.adapters.attaching import Attaching
from funland_server.models.adapters.store import Adapters
from funland_server.models.errors import AdapterExistsError, ModelExistsError
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.model import InstalledModel, sha256
from funland_server.models.loading.loader import ModelLoader
from funland_server.tasks.kinds import Running
from funland_server.training import losing, standing
from funland_server.training.errors import TrainingTooLargeError
from funland_server.training.failures import in_words
from funland_server.training.folders import Folder
from funland_server.training.planning import Way
from funland_server.training.racing import unless
from funland_server.training.store import RunStore
from funland_server.training.templates import FULL, LORA, QLORA
from funland_server.workers.errors import ModelTooLargeError, WorkerLostError
from funland_server.workers.failures import WorkerDefectError
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)

_METHODS: Final = {
    LORA: TrainAdapter.LORA, QLORA: TrainAdapter.QLORA, FULL: TrainAdapter.FULL,
}  # fmt: skip
_SAVE_SECONDS: Final = 0.25
"""How often steps are written: together, since a step may take a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is done with."""

    store: RunStore
    folders: Path
    catalog: ModelCatalog
    loader: ModelLoader
    adapters: Adapters
    attaching: Attaching
    blobs: Blobs
    way_of: Callable[[TrainingRun], Awaitable[Way]]
    """How a run trains."""
    publish: Callable[[str], None]
    """Tells who watches that a run has changed."""
    legs: dict[str, Leg]
    """Those that are done now, by run."""

    def folder(self, run_id: str) -> Folder:
        """That of a run."""
        return Folder(self.folders / run_id)


class Leg:
    """One that is under way."""

    def __init__(self, parts: Parts, running: Running, run_id: str) -> None:
        self._parts = parts
        self._running = running
        self._run_id = run_id
        self._folder = parts.folder(run_id)
        self._worker: Worker | None = None
        self._rests = asyncio.Event()
        self._steps: list[TrainingStep] = []
        self._more = asyncio.Event()
        self._taken: losing.Taken | None = None
        self._total = 0
        self._first = 0
        self._began = 0.0
        self.over = asyncio.Event()
        """It has come to its end, and that is written."""

    def rest(self) -> None:
        """Has it end after a checkpoint."""
        self._rests.set()
        if self._worker is not None:
            self._worker.rest()

    async def run(self) -> TrainingRun:
        """Goes on with the run, to its end or until it is to rest; raises what it fails with."""
        parts = self._parts
        run = await self._change(lambda run: standing.runs(run, now()))
        model = parts.catalog.get(run.model_id)
        kept = await parts.store.get(self._run_id)
        told = await self._trained(run, model, kept.row_count)
        if told.finished:
            await (self._install(run) if run.result_model_id else self._attach(run, model))
        steps, self._steps = self._steps, []
        run = await self._change(lambda run: standing.came(run, told, now()), steps)
        if run.state == TrainingRun.COMPLETED:
            await to_its_end(self._folder.done)
            await to_its_end(parts.blobs.release, kept.rows_sha256)
        return run

    async def _trained(
        self, run: TrainingRun, model: InstalledModel, row_count: int
    ) -> TrainedAdapter:
        needed = run.estimate.memory_bytes
        way = await self._parts.way_of(run)
        try:
            async with AsyncExitStack() as stack:
                trainer = self._parts.loader.trainer(model, needed)
                entering = stack.enter_async_context(trainer)  # which may wait for memory
                self._worker = worker = await unless(self._rests, entering)
                if worker is None or self._rests.is_set():
                    return TrainedAdapter(steps=run.step)
                self._taken = losing.look(worker.process.pid)
                saving = asyncio.create_task(self._save(worker))
                try:
                    return await self._followed(worker, self._job(run, way, model, row_count))
                except WorkerLostError as error:
                    raise await self._loss(error, worker, run) from error
                finally:
                    self._worker = None
                    saving.cancel()
                    await asyncio.gather(saving, return_exceptions=True)
                    with suppress(FunlandError):
                        await self._write()
        except ModelTooLargeError as error:
            available = self._parts.loader.trainer_bytes
            raise TrainingTooLargeError(needed or None, available, error.why) from error
        except WorkerDefectError as error:
            available = self._parts.loader.trainer_bytes
            raise (in_words(error.failure, run, available) or error) from error

    async def _loss(self, error: WorkerLostError, worker: Worker, run: TrainingRun) -> FunlandError:
        """What the loss of the worker is to the run."""
        exit_code, kills = await worker.process.ended(), losing.killed_for_memory()
        limit, taken = worker.spec.memory_limit_bytes, self._taken
        why = losing.why_too_large(taken, limit, exit_code, kills)
        if taken is None or not why:
            return error
        needed = max(run.estimate.memory_bytes, taken.resident_bytes)
        return TrainingTooLargeError(needed, self._parts.loader.trainer_bytes, why)

    def _job(self, run: TrainingRun, way: Way, model: InstalledModel, row_count: int) -> Job:
        return Job(
            train=TrainAdapter(
                hyperparameters=run.hyperparameters,
                rows_path=str(self._folder.rows),
                row_count=row_count,
                chat_template=model.defaults.chat_template,
                checkpoint_path=str(self._folder.checkpoint),
                result_path=str(self._folder.result),
                method=_METHODS[way.template_id],
                torch_device=way.place.torch_device,
                told_step=run.step,
            )
        )

    async def _followed(self, worker: Worker, job: Job) -> TrainedAdapter:
        async with aclosing(worker.run_job(job)) as events:
            async for event in events:
                if event.HasField("result"):
                    return event.result.train
                await self._take_event(event)
                if self._rests.is_set():  # what was said before the job began was not heard
                    worker.rest()
        raise WorkerLostError(self._running.model)

    async def _take_event(self, event: JobEvent) -> None:
        match event.WhichOneof("event"):
            case "progress":
                self._running.progress(None, f"reading the {event.progress.text}")
            case "training":
                await self._begin(event.training)
            case "trained":
                self._steps.append(event.trained)
                self._more.set()
                step = event.trained.step
                percent = 100.0 * step / self._total if self._total else None
                self._running.progress(percent, f"step {step} of {self._total}")
            case _:
                pass  # a checkpoint is where the next leg looks for it

    async def _begin(self, told: TrainingBegun) -> None:
        last = await self._parts.store.rewind(self._run_id, told.step)
        self._total, self._first = told.total_steps, told.step
        self._began = time.time()
        await self._change(lambda run: standing.begun(run, told, last))

    async def _save(self, worker: Worker) -> None:
        """Writes steps until it is cancelled, and looks at what the worker takes."""
        while True:
            await self._more.wait()
            self._more.clear()
            self._taken = losing.look(worker.process.pid) or self._taken
            try:
                await self._write()
            except FunlandError as error:
                logger.warning("steps_unwritten", run_id=self._run_id, error=error.message)
            await asyncio.sleep(_SAVE_SECONDS)

    async def _write(self) -> None:
        """Writes what steps there are; those that can't be are written with the next."""
        if not self._steps:
            return
        steps, self._steps = self._steps, []
        try:
            await self._change(self._expect, steps)
        except BaseException:
            self._steps[:0] = steps  # written twice at worst
            raise

    def _expect(self, run: TrainingRun) -> None:
        end = standing.ends_at(time.time(), self._began, self._first, run)
        if end is not None:
            run.estimated_end_time.FromMicroseconds(round(1e6 * end))

    async def _attach(self, run: TrainingRun, model: InstalledModel) -> None:
        """Attaches the adapter. It may be there already: a server may have ended behind that."""
        parts = self._parts
        try:
            await parts.attaching.attach(model, str(self._folder.result), run.adapter_id)
        except AdapterExistsError:
            there = parts.adapters.list(model.model_id).get(run.adapter_id)
            ours = await asyncio.to_thread(sha256, self._folder.result)
            if there is None or there.sha256 != ours:
                raise

    async def _install(self, run: TrainingRun) -> None:
        """Makes a model of the result. It may be one already, as an adapter may be attached."""
        catalog, result = self._parts.catalog, self._folder.result
        try:
            await catalog.import_file(str(result), run.result_model_id, (), "")
        except ModelExistsError:
            there = catalog.find(run.result_model_id)
            if there is None or there.sha256 != await asyncio.to_thread(sha256, result):
                raise

    async def _change(
        self, change: Callable[[TrainingRun], None], steps: list[TrainingStep] | None = None
    ) -> TrainingRun:
        def apply(run: TrainingRun) -> bool:
            if steps:
                standing.stepped(run, steps)
            change(run)
            return True

        run = await self._parts.store.change(self._run_id, apply, steps or ())
        self._parts.publish(self._run_id)
        return run


def now() -> Timestamp:
    """The time of day."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
