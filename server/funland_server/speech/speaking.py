"""Has texts spoken: chooses who does, and turns what a worker tells into what callers get."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from funland.v1.models_pb2 import Model
from funland.v1.speech_pb2 import (
    SpeechEvent,
    SpeechFinish,
    SpeechStart,
    SynthesizeRequest,
    Voice,
)
from funland.worker.v1.worker_pb2 import Job, SpeakText
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.errors import ModelKindWrongError
from funland_server.models.installed.model import InstalledModel
from funland_server.speech.choosing import (
    Speaker,
    choose,
    default,
    ordered,
    speakers,
    speaks,
)
from funland_server.speech.wire import voice_to_wire


class Speaking:
    """The voices of all models that are installed. `Speech.speaking` has it for other domains."""

    def __init__(self, models: Models, metrics: Metrics, speech_model: Live[str]) -> None:
        """`speech_model` names who speaks where a request names nobody; it may be empty."""
        self._models = models
        self._metrics = metrics
        self._preferred = speech_model

    def models(self) -> list[InstalledModel]:
        """Those that speak, the preferred one first."""
        preferred = self._models.catalog.find(self._preferred.now) if self._preferred.now else None
        known = [one for one in self._models.catalog.all() if one.kind == Model.SPEECH]
        return sorted(ordered(known), key=lambda one: one is not preferred)

    def default(self) -> Speaker | None:
        """Who speaks where a request says nothing of it."""
        return default(self.models())

    def voices(self, language: str, model: str) -> list[Voice]:
        """All voices, or those of a language, or of a model, ordered by language and id.

        Raises:
            ModelNotFoundError, ModelKindWrongError
        """
        usual = self.default()
        found = speakers([self._model(model)] if model else self.models())
        told = [
            voice_to_wire(one, default=one == usual)
            for one in found
            if speaks(one.voice.language, language)
        ]
        return sorted(told, key=lambda one: (one.language, one.voice_id))

    def choose(self, request: SynthesizeRequest) -> Speaker:
        """Who says a request's text.

        Raises:
            ModelNotFoundError, ModelKindWrongError, VoiceNotFoundError
        """
        if not request.model:
            named = bool(self._preferred.now) and not request.voice
            models = [self._model(self._preferred.now)] if named else self.models()
            return choose(request.voice, request.text, models, named=named)
        return choose(request.voice, request.text, [self._model(request.model)], named=True)

    async def stream(
        self, request: SynthesizeRequest, *, background: bool = False
    ) -> AsyncGenerator[SpeechEvent]:
        """As `StreamSynthesize`; for nobody who waits, other calls go before.

        Raises:
            FunlandError: What `StreamSynthesize` is answered with.
        """
        speaker = self.choose(request)
        worker = await self._models.loader.worker(speaker.model.model_id, Model.SPEECH)
        work = _work(request, speaker)
        async with aclosing(
            worker.run_job(Job(speak=SpeakText(request=work), background=background))
        ) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "speaking":
                        start = _start(event.speaking, speaker, work, worker.device_ids)
                        yield SpeechEvent(start=start)
                    case "artefact" if event.artefact.data:
                        yield SpeechEvent(audio=event.artefact.data)
                    case "spoken":
                        yield SpeechEvent(progress=event.spoken)
                    case "result":
                        finish = event.result.speak
                        self._count(speaker, finish)
                        yield SpeechEvent(finish=finish)
                    case _:
                        pass

    def _model(self, name: str) -> InstalledModel:
        """The model that speaks of that name; raises as `choose`."""
        model = self._models.catalog.get(self._models.loader.model_id(name))
        if model.kind != Model.SPEECH:
            kind = Model.Kind.Name(model.kind)
            raise ModelKindWrongError(model.model_id, kind, Model.Kind.Name(Model.SPEECH))
        return model

    def _count(self, speaker: Speaker, finish: SpeechFinish) -> None:
        model = speaker.model.model_id
        self._metrics.spoken_characters.labels(model).inc(finish.characters)
        self._metrics.spoken_seconds.labels(model).inc(finish.duration.ToMilliseconds() / 1000)
        if finish.timings.first_ms:
            first = (finish.timings.queue_ms + finish.timings.first_ms) / 1000
            self._metrics.time_to_first_sound.labels(model).observe(first)


def _work(request: SynthesizeRequest, speaker: Speaker) -> SynthesizeRequest:
    """The request with all that was unset chosen, as the worker takes it."""
    work = SynthesizeRequest()
    work.CopyFrom(request)
    work.model, work.voice = speaker.model.model_id, speaker.voice.name
    work.format = request.format or SynthesizeRequest.WAV
    if not request.HasField("sample_rate"):
        work.sample_rate = speaker.voice.sample_rate
    if not request.HasField("speed"):
        work.speed = 1
    if not request.HasField("pitch"):
        work.pitch = 1
    if not request.HasField("seed"):
        work.seed = 0
    return work


def _start(
    told: SpeechStart, speaker: Speaker, work: SynthesizeRequest, device_ids: tuple[str, ...]
) -> SpeechStart:
    told.model, told.voice = speaker.model.model_id, speaker.voice_id
    told.format = work.format
    told.device_ids.extend(device_ids)
    return told
