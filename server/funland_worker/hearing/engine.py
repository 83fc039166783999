"""A loaded model that hears, as jobs use it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from time import monotonic

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import SpeechTimings, TranscriptEvent, TranscriptFinish, TranscriptStart
from funland.worker.v1.worker_pb2 import (
    HearLive,
    HearRecording,
    Job,
    JobEvent,
    JobProgress,
    JobResult,
    LiveInput,
)
from funland_worker.audio.decoding import Recording
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.listener import Listener
from funland_worker.hearing.live.hearing import hear_live
from funland_worker.hearing.recording import Hearing
from funland_worker.hearing.transcript import joined
from funland_worker.hearing.wire import duration, manner_of, progress_event, segment_event
from funland_worker.media.engine import MediaFacts


class HearingEngine:
    """See `MediaEngine`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.facts = MediaFacts(
            engine=listener.engine,
            device=listener.device,
            slots=listener.slots,
            threads=listener.threads,
        )

    @property
    def step_ms(self) -> float:
        """See `MediaEngine`."""
        return self._listener.step_ms

    async def run(self, job: Job) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`."""
        if job.WhichOneof("work") != "hear":
            raise _unknown()
        async with aclosing(self._hear(job.hear)) as events:
            async for event in events:
                yield event

    async def run_live(
        self, begin: HearLive, inputs: AsyncIterator[LiveInput]
    ) -> AsyncGenerator[JobEvent]:
        """See `MediaEngine`."""
        async with aclosing(hear_live(self._listener, begin, inputs)) as events:
            async for event in events:
                yield event

    async def _hear(self, work: HearRecording) -> AsyncGenerator[JobEvent]:
        manner = manner_of(work.request, self._listener)
        begun = monotonic()
        first_ms = 0.0
        texts: list[str] = []
        with Recording(Path(work.path) if work.path else work.request.audio) as recording:
            total = recording.sound.seconds
            yield JobEvent(heard=TranscriptEvent(start=_start(total)))
            hearing = Hearing(self._listener, manner)
            detection = not work.request.HasField("voice_detection")
            detection = detection or work.request.voice_detection
            heard = hearing.parts(recording.blocks(), voice_detection=detection)
            async with aclosing(heard) as parts:
                async for part in parts:
                    for segment in part.segments:
                        first_ms = first_ms or _since(begun)
                        yield JobEvent(heard=segment_event(segment, len(texts)))
                        texts.append(segment.text)
                    yield JobEvent(heard=progress_event(part.seconds))
                    yield JobEvent(progress=_progress(part.seconds, total))
        spoken = hearing.language
        finish = TranscriptFinish(
            text=joined(texts, spaced=manner.translate or spoken is None or spoken.spaced),
            language=spoken.code if spoken is not None else "",
            language_probability=hearing.language_probability,
            duration=duration(hearing.seconds),
            timings=SpeechTimings(first_ms=first_ms, total_ms=_since(begun)),
        )
        yield JobEvent(result=JobResult(hear=finish))


def _start(seconds: float | None) -> TranscriptStart:
    if seconds is None:
        return TranscriptStart()
    return TranscriptStart(duration=duration(seconds))


def _progress(seconds: float, total: float | None) -> JobProgress:
    fraction = min(1.0, seconds / total) if total else None
    return JobProgress(fraction=fraction, text=f"{seconds:.0f} s heard")


def _since(begun: float) -> float:
    return (monotonic() - begun) * 1000


def _unknown() -> EngineError:
    return EngineError(
        ErrorReason.ENGINE_UNSUPPORTED, "This worker does not know such a job.", feature="jobs"
    )
