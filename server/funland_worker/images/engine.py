"""A model that paints, behind the protocol of models that do jobs alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesResponse
from funland.worker.v1.worker_pb2 import HearLive, Job, JobEvent, JobResult, LiveInput, PaintImages
from funland_worker.engines.protocol import EngineError
from funland_worker.images.painter import Painter
from funland_worker.media.engine import MediaFacts

_UNREAD_BYTES: Final = 64 * 1024**2
"""So much of previews may wait for who reads them before no more are made."""


class PaintingEngine:
    """See `MediaEngine`. Everything native runs on one thread."""

    def __init__(self, painter: Painter, facts: MediaFacts) -> None:
        self._painter = painter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="paint")
        self.facts = facts
        """How it runs."""

    @property
    def step_ms(self) -> float:
        """See `MediaEngine`."""
        return self._painter.pulse.ms

    async def run(self, job: Job) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`."""
        if job.WhichOneof("work") != "paint":
            raise _only_pictures()
        events: asyncio.Queue[JobEvent | None] = asyncio.Queue()
        stop, unread = Event(), _Unread()
        painting = self._begin(job.paint, events, stop, unread)
        try:
            while (event := await events.get()) is not None:
                yield event
                unread.read += _preview_bytes(event)
            answer = painting.result()
            if answer is None:
                raise RuntimeError("A picture ended by itself.")
            yield JobEvent(result=JobResult(paint=answer))
        finally:
            stop.set()
            await _ended(painting)

    async def run_live(
        self, begin: HearLive, inputs: AsyncIterator[LiveInput]
    ) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`. It has none."""
        raise _only_pictures()
        yield JobEvent()

    def _begin(
        self,
        job: PaintImages,
        events: asyncio.Queue[JobEvent | None],
        stop: Event,
        unread: _Unread,
    ) -> Future[GenerateImagesResponse | None]:
        loop = asyncio.get_running_loop()

        def put(event: JobEvent | None) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        def tell(event: JobEvent) -> None:
            unread.told += _preview_bytes(event)
            put(event)

        painting = self._thread.submit(self._painter.paint, job, tell, stop, unread.has_room)
        painting.add_done_callback(lambda _: put(None))
        return painting


class _Unread:
    """How much of previews was told, by the one thread at a time that tells of a picture, and how
    much of it was read, by the loop."""

    def __init__(self) -> None:
        self.told = 0
        self.read = 0

    def has_room(self) -> bool:
        return self.told - self.read < _UNREAD_BYTES


def _preview_bytes(event: JobEvent) -> int:
    return len(event.painting.preview.data)


async def _ended(painting: Future[GenerateImagesResponse | None]) -> None:
    """Waits until a thread is done with a picture, though the caller is cancelled once more."""
    cancelled: asyncio.CancelledError | None = None
    waited = asyncio.wrap_future(painting)
    while not waited.done():
        try:
            await asyncio.wait([waited])
        except asyncio.CancelledError as error:
            cancelled = error
    with contextlib.suppress(Exception):  # who waited for it was told
        waited.result()
    if cancelled is not None:
        raise cancelled


def _only_pictures() -> EngineError:
    return EngineError(
        ErrorReason.ENGINE_UNSUPPORTED, "The model paints, and does nothing else.", feature="jobs"
    )
