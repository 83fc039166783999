"""A model that trains, behind the protocol of models that do jobs alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import (
    HearLive,
    Job,
    JobEvent,
    JobProgress,
    JobResult,
    LiveInput,
    TrainAdapter,
    TrainedAdapter,
)
from funland_worker.engines.loaded import ModelFacts
from funland_worker.engines.protocol import EngineError
from funland_worker.images.pulse import Pulse
from funland_worker.media.engine import MediaFacts
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.training.examples import Example
from funland_worker.training.rows import at_line, read_rows
from funland_worker.training.running import trained
from funland_worker.training.settings import from_wire
from funland_worker.training.teaching import Teacher
from funland_worker.training.trainer import RestedError
from funland_worker.training.way import TrainedModel

_READ_EVENTS = 100
"""How often it is told how many rows are read."""


class TrainingEngine:
    """See `MediaEngine`. It does one job at a time, on one thread."""

    def __init__(self, model: TrainedModel, text: ModelFacts, facts: MediaFacts) -> None:
        self._model = model
        self._text = text
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="train")
        self._pulse = Pulse()
        self._rest = Event()
        self.facts = facts
        """How it runs."""

    @property
    def step_ms(self) -> float:
        """See `MediaEngine`."""
        return self._pulse.ms

    def rest(self) -> None:
        """Has the job that runs write a checkpoint and end."""
        self._rest.set()

    async def run(self, job: Job) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`."""
        if job.WhichOneof("work") != "train":
            raise _only_training()
        self._rest = rest = Event()
        settings = from_wire(job.train.hyperparameters, job.train.method)
        examples: list[Example] = []
        async for fraction in self._read(job.train, examples):
            yield JobEvent(progress=JobProgress(fraction=fraction, text="rows"))
            if rest.is_set():
                yield JobEvent(result=JobResult(train=TrainedAdapter()))
                return
        events: asyncio.Queue[JobEvent | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(event: JobEvent | None) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        run = self._thread.submit(
            partial(trained, tell=tell, on=self._on(rest)),
            self._model,
            job.train,
            settings,
            examples,
        )
        del examples  # the run has what it needs of them
        run.add_done_callback(lambda _: tell(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield JobEvent(result=JobResult(train=run.result()))
        finally:
            rest.set()
            await _ended(run)
            self._pulse.rest()

    async def run_live(
        self, begin: HearLive, inputs: AsyncIterator[LiveInput]
    ) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`. It has none."""
        raise _only_training()
        yield JobEvent()

    async def _read(self, job: TrainAdapter, examples: list[Example]) -> AsyncGenerator[float]:
        """Fills in the rows' examples, and tells how far that is."""
        template = job.chat_template or self._text.chat_template
        renderer = None
        if template is not None:
            renderer = TemplateRenderer(
                template, begin_mark=self._text.begin_mark, end_mark=self._text.end_mark
            )
        teacher = Teacher(self._text, renderer)
        every = max(1, job.row_count // _READ_EVENTS)
        try:
            for count, (line, row) in enumerate(read_rows(Path(job.rows_path))):
                if count % every == 0:
                    yield min(1.0, count / max(1, job.row_count))
                try:
                    examples += await teacher.examples(row)
                except EngineError as error:
                    raise at_line(line, error) from error
        finally:
            if renderer is not None:
                await renderer.close()

    def _on(self, rest: Event) -> Callable[[], None]:
        """What is called all the while on the thread that trains."""

        def on() -> None:
            self._pulse.beat()
            if rest.is_set():
                raise RestedError

        return on


async def _ended(run: Future[TrainedAdapter]) -> None:
    """Waits until the thread is done with a run, though the caller is cancelled once more."""
    cancelled: asyncio.CancelledError | None = None
    waited = asyncio.wrap_future(run)
    while not waited.done():
        try:
            await asyncio.wait([waited])
        except asyncio.CancelledError as error:
            cancelled = error
    with contextlib.suppress(Exception):  # who waited for it was told
        waited.result()
    if cancelled is not None:
        raise cancelled


def _only_training() -> EngineError:
    return EngineError(
        ErrorReason.ENGINE_UNSUPPORTED, "The process trains, and does nothing else.", feature="jobs"
    )
