"""Writes down what is said while it is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Final

from funland.v1.speech_pb2 import (
    SpeechTimings,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptStart,
)
from funland.worker.v1.worker_pb2 import HearLive, JobEvent, JobResult, LiveInput
from funland_worker.hearing.listener import Heard, Listener, Manner, Segment
from funland_worker.hearing.live.agreeing import agreed
from funland_worker.hearing.live.deciding import Action, Moment, next_action
from funland_worker.hearing.live.ear import Ear
from funland_worker.hearing.transcript import joined, moved
from funland_worker.hearing.voice.detector import SAMPLE_RATE, Span
from funland_worker.hearing.wire import (
    duration,
    live_manner_of,
    progress_event,
    segment_event,
    segment_to_wire,
)

_LEAST_SAMPLES: Final = SAMPLE_RATE // 10
"""Nothing is said in less."""
_SURE: Final = 0.8
"""From this likelihood on, a language that was found is kept."""


async def hear_live(
    listener: Listener, begin: HearLive, inputs: AsyncIterator[LiveInput]
) -> AsyncGenerator[JobEvent]:
    """The events of a conversation; see `MediaEngine.run_live`.

    Raises:
        EngineError: LANGUAGE_UNSUPPORTED, FIELD_INVALID, or what the listener raises.
    """
    manner = live_manner_of(begin.config, listener)
    ear = await asyncio.to_thread(Ear, begin.config.sample_rate)
    conversation = _Conversation(listener, manner, ear, partials=begin.config.partials)
    yield JobEvent(heard=TranscriptEvent(start=TranscriptStart()))
    listening = asyncio.create_task(ear.listen(inputs))
    try:
        while (action := conversation.next()) is not Action.END:
            if listening.done():
                listening.result()
            match action:
                case Action.UTTERANCE:
                    for event in await conversation.utterance(ear.take()):
                        yield JobEvent(heard=event)
                case Action.PARTIAL:
                    for event in await conversation.partial(ear.open()):
                        yield JobEvent(heard=event)
                case _:
                    await ear.changed()
        await listening
        yield JobEvent(result=JobResult(hear=conversation.finish()))
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await listening


class _Conversation:
    """What was heard so far."""

    def __init__(self, listener: Listener, manner: Manner, ear: Ear, *, partials: bool) -> None:
        self._listener = listener
        self._manner = manner
        self._ear = ear
        self._partials = partials
        self._begun = monotonic()
        self._first_ms = 0.0
        self._texts: list[str] = []
        self._language = manner.language
        self._likely: float | None = None
        self._heard_seconds = 0.0
        self._took_seconds = 0.0
        self._hypothesis = ""
        self._told = ""

    def next(self) -> Action:
        """What to do."""
        ear = self._ear
        return next_action(
            Moment(
                waiting=ear.waiting,
                over=ear.over,
                partials=self._partials,
                open_seconds=ear.open_seconds,
                heard_seconds=self._heard_seconds,
                took_seconds=self._took_seconds,
            )
        )

    async def utterance(self, span: Span) -> list[TranscriptEvent]:
        """What is to be told of one that is whole."""
        self._heard_seconds, self._hypothesis, self._told = 0.0, "", ""
        events: list[TranscriptEvent] = []
        start, samples = span.start, span.samples
        while len(samples) >= _LEAST_SAMPLES:
            heard = await self._listener.hear(samples, self._manner, last=True)
            self._learn(heard)
            for segment in moved(heard.segments, start / SAMPLE_RATE):
                events.append(segment_event(segment, len(self._texts)))
                self._texts.append(segment.text)
            passed = max(round(heard.seconds * SAMPLE_RATE), _LEAST_SAMPLES)
            start, samples = start + passed, samples[passed:]
        self._note(bool(events))
        end = (span.start + len(span.samples)) / SAMPLE_RATE
        return [*events, progress_event(end)]

    async def partial(self, span: Span | None) -> list[TranscriptEvent]:
        """What is to be told of one that is not: that in which this hypothesis and the one before
        agree, if that is something new."""
        if span is None:
            return []
        begun = monotonic()
        heard = await self._listener.hear(
            span.samples, replace(self._manner, words=False), last=True
        )
        self._took_seconds = monotonic() - begun
        self._heard_seconds = span.seconds
        spaced = self._spaced(heard)
        text = joined([each.text for each in heard.segments], spaced=spaced)
        sure = agreed(self._hypothesis, text, spaced=spaced)
        self._hypothesis = text
        if not sure or sure == self._told:
            return []
        self._told = sure
        self._note(True)
        start = span.start / SAMPLE_RATE
        segment = Segment(start, start + span.seconds, sure)
        return [TranscriptEvent(partial=segment_to_wire(segment, len(self._texts)))]

    def finish(self) -> TranscriptFinish:
        """What came of all."""
        language = self._language
        return TranscriptFinish(
            text=joined(
                self._texts,
                spaced=self._manner.translate or language is None or language.spaced,
            ),
            language=language.code if language else "",
            language_probability=self._likely,
            duration=duration(self._ear.seconds),
            timings=SpeechTimings(first_ms=self._first_ms, total_ms=self._since()),
        )

    def _learn(self, heard: Heard) -> None:
        """Keeps the language when it is sure, so that a short word is not taken for another."""
        if self._manner.language is not None or heard.language is None or not heard.segments:
            return
        if self._likely is None or (heard.language_probability or 1.0) >= self._likely:
            self._language, self._likely = heard.language, heard.language_probability
        if (heard.language_probability or 1.0) >= _SURE:
            self._manner = replace(self._manner, language=heard.language)

    def _spaced(self, heard: Heard) -> bool:
        return self._manner.translate or heard.language is None or heard.language.spaced

    def _note(self, told: bool) -> None:
        if told and not self._first_ms:
            self._first_ms = self._since()

    def _since(self) -> float:
        return (monotonic() - self._begun) * 1000
