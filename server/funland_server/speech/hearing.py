"""Has recordings written down: chooses who hears, and turns what a worker tells into what callers
get."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

from funland.v1.models_pb2 import Model
from funland.v1.speech_pb2 import (
    TranscribeRequest,
    Transcript,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptSegment,
    TranscriptStart,
)
from funland.worker.v1.worker_pb2 import HearRecording, Job
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.errors import ModelKindWrongError
from funland_server.models.installed.model import InstalledModel
from funland_server.speech.recognisers import recogniser
from funland_server.workers.failures import WorkerDefectError

Progress: TypeAlias = Callable[[float | None, str], None]
"""Told how much is heard, in percent, None where that is not known; and what is being done."""


class Hearing:
    """All models that hear. `Speech.hearing` has it for other domains."""

    def __init__(
        self, models: Models, files: Files, metrics: Metrics, transcription_model: Live[str]
    ) -> None:
        """`transcription_model` names who hears where a request names nobody; it may be empty."""
        self._models = models
        self._files = files
        self._metrics = metrics
        self._preferred = transcription_model

    def choose(self, model: str, language: str, *, translate: bool) -> InstalledModel:
        """Who hears; `model` and `language` may be empty.

        Raises:
            ModelNotFoundError, ModelKindWrongError
        """
        catalog = self._models.catalog
        if not (name := model or self._preferred.now):
            known = [one for one in catalog.all() if one.kind == Model.TRANSCRIPTION]
            return recogniser(known, language, translate=translate)
        found = catalog.get(self._models.loader.model_id(name))
        if found.kind != Model.TRANSCRIPTION:
            kind = Model.Kind.Name(found.kind)
            raise ModelKindWrongError(found.model_id, kind, "TRANSCRIPTION")
        return found

    async def stream(
        self, request: TranscribeRequest, *, background: bool = False
    ) -> AsyncGenerator[TranscriptEvent]:
        """As `StreamTranscribe`; for nobody who waits, other calls go before.

        Raises:
            FunlandError: What `StreamTranscribe` is answered with.
        """
        translate = request.task == TranscribeRequest.TRANSLATE
        model = self.choose(request.model, request.language, translate=translate)
        path: Path | None = None
        if request.file_id:
            path = await self._files.path(request.file_id)
        worker = await self._models.loader.worker(model.model_id, Model.TRANSCRIPTION)
        work = HearRecording(request=request, path=str(path or ""))
        async with aclosing(worker.run_job(Job(hear=work, background=background))) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "heard":
                        yield named(event.heard, model, worker.device_ids)
                    case "result":
                        self._count(model, event.result.hear)
                        yield TranscriptEvent(finish=event.result.hear)
                    case _:
                        pass

    async def complete(
        self,
        request: TranscribeRequest,
        progress: Progress | None = None,
        *,
        background: bool = False,
    ) -> Transcript:
        """As `Transcribe`. With `background` it is done beside live calls, which go before it; a
        cancellation ends it within a window of 30 seconds.

        Raises:
            FunlandError: What `Transcribe` is answered with.
        """
        start = TranscriptStart()
        segments: list[TranscriptSegment] = []
        async with aclosing(self.stream(request, background=background)) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "start":
                        start = event.start
                    case "segment":
                        segments.append(event.segment)
                    case "progress" if progress is not None:
                        progress(_percent(start, event.progress.seconds), "hearing")
                    case "finish":
                        return _transcript(start, segments, event.finish)
                    case _:
                        pass
        raise WorkerDefectError("a job ended without a result")

    def _count(self, model: InstalledModel, finish: TranscriptFinish) -> None:
        seconds = finish.duration.ToMilliseconds() / 1000
        self._metrics.heard_seconds.labels(model.model_id).inc(seconds)
        if seconds:
            factor = finish.timings.total_ms / 1000 / seconds
            self._metrics.hearing_factor.labels(model.model_id).observe(factor)


def named(
    event: TranscriptEvent, model: InstalledModel, device_ids: tuple[str, ...]
) -> TranscriptEvent:
    """The event; the first says who hears."""
    if event.HasField("start"):
        event.start.model = model.model_id
        event.start.device_ids.extend(device_ids)
    return event


def _percent(start: TranscriptStart, seconds: float) -> float | None:
    total = start.duration.ToMilliseconds() / 1000
    return min(100.0, 100 * seconds / total) if total else None


def _transcript(
    start: TranscriptStart, segments: list[TranscriptSegment], finish: TranscriptFinish
) -> Transcript:
    answer = Transcript(
        model=start.model,
        text=finish.text,
        language=finish.language,
        duration=finish.duration,
        segments=segments,
        timings=finish.timings,
        device_ids=start.device_ids,
    )
    if finish.HasField("language_probability"):
        answer.language_probability = finish.language_probability
    return answer
