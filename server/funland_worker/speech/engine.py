"""Does the jobs of a model that speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from itertools import count
from time import monotonic
from typing import Final, TypeVar

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import SpeechFinish, SpeechProgress, SpeechStart, SpeechTimings
from funland.worker.v1.worker_pb2 import HearLive, Job, JobArtefact, JobEvent, JobResult, LiveInput
from funland_worker.engines.protocol import EngineError
from funland_worker.media.engine import MediaFacts
from funland_worker.speech.lanes import Lanes
from funland_worker.speech.speaking import Speaking, Spoken
from funland_worker.speech.voicing import Voicing

ARTEFACT: Final = "audio"
PART_BYTES: Final = 256 * 1024
"""How many bytes of sound a message has at most."""

Answer = TypeVar("Answer")


class SpeechEngine:
    """See `MediaEngine`. Many texts are spoken at once, and their sentences take turns: a listener
    who is slow to take what is spoken keeps nobody else waiting."""

    def __init__(self, voicing: Voicing, jobs: int) -> None:
        """So many `jobs` are begun at once."""
        self._voicing = voicing
        self._jobs = jobs
        self._lanes = Lanes(voicing.lanes)
        self._threads = ThreadPoolExecutor(voicing.lanes, thread_name_prefix="speech")
        self._numbers = count()
        self._began: dict[int, float] = {}

    @property
    def facts(self) -> MediaFacts:
        """See `MediaEngine`."""
        voicing = self._voicing
        return MediaFacts(voicing.engine, voicing.device, self._jobs, voicing.lanes)

    @property
    def step_ms(self) -> float:
        """See `MediaEngine`."""
        now = monotonic()
        return (now - min(list(self._began.values()), default=now)) * 1000

    async def run(self, job: Job) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`."""
        if not job.HasField("speak"):
            raise _unsupported()
        number = next(self._numbers)
        try:
            async with aclosing(self._spoken(job, number)) as events:
                async for event in events:
                    yield event
        finally:
            self._lanes.leave(number)

    async def _spoken(self, job: Job, number: int) -> AsyncGenerator[JobEvent]:
        began, first_ms = monotonic(), 0.0

        async def computed(compute: Callable[[], Answer]) -> Answer:
            return await self._computed(compute, number, background=job.background)

        speaking = await computed(lambda: Speaking(job.speak.request, self._voicing))
        recording = speaking.recording
        yield JobEvent(speaking=_start(speaking))
        while (spoken := await computed(speaking.next)) is not None:
            for part in _parts(spoken.data):
                media_type = "" if first_ms else recording.media_type
                first_ms = first_ms or (monotonic() - began) * 1000
                yield _artefact(part, media_type)
            yield JobEvent(spoken=_progress(spoken))
        for part in _parts(await computed(recording.close)):
            yield _artefact(part, recording.media_type if not first_ms else "")
        yield JobEvent(artefact=JobArtefact(name=ARTEFACT, last=True))
        timings = SpeechTimings(first_ms=first_ms, total_ms=(monotonic() - began) * 1000)
        finish = SpeechFinish(characters=speaking.characters, timings=timings)
        finish.duration.FromMicroseconds(recording.microseconds)
        yield JobEvent(result=JobResult(speak=finish))

    async def run_live(
        self, begin: HearLive, inputs: AsyncIterator[LiveInput]
    ) -> AsyncGenerator[JobEvent]:
        """Nothing that a voice does."""
        raise _unsupported()
        yield JobEvent()

    async def _computed(
        self, compute: Callable[[], Answer], job: int, *, background: bool
    ) -> Answer:
        """What a thread computes when the job has a lane; on return none of it runs any more."""
        async with self._lanes.turn(job, background=background):

            def timed() -> Answer:
                self._began[job] = monotonic()
                try:
                    return compute()
                finally:
                    del self._began[job]

            computing = asyncio.get_running_loop().run_in_executor(self._threads, timed)
            try:
                return await asyncio.shield(computing)
            except asyncio.CancelledError:
                while not computing.done():
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait([computing])
                computing.exception()  # nobody asks for it any more
                raise


def _start(speaking: Speaking) -> SpeechStart:
    recording = speaking.recording
    return SpeechStart(
        voice=speaking.voice.name,
        media_type=recording.media_type,
        sample_rate=recording.sample_rate,
        characters=speaking.characters,
    )


def _progress(spoken: Spoken) -> SpeechProgress:
    progress = SpeechProgress(characters=spoken.characters)
    progress.duration.FromMicroseconds(spoken.microseconds)
    return progress


def _parts(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PART_BYTES):
        yield data[start : start + PART_BYTES]


def _artefact(part: bytes, media_type: str) -> JobEvent:
    return JobEvent(artefact=JobArtefact(name=ARTEFACT, media_type=media_type, data=part))


def _unsupported() -> EngineError:
    return EngineError(ErrorReason.ENGINE_UNSUPPORTED, "The model speaks, and does nothing else.")
