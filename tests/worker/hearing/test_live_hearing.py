"""What is said is written down while it is said, by Whisper tiny.en."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from contextlib import aclosing

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import (
    TranscribeLiveConfig,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptFinish,
)
from funland.worker.v1.worker_pb2 import HearLive, LiveInput
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.engine import HearingEngine
from funland_worker.hearing.listener import Heard, Listener, Manner
from funland_worker.hearing.live.hearing import hear_live
from tests.worker.hearing.scenes import (
    RATE,
    SENTENCES,
    Sound,
    cut,
    scene,
    silence,
    spoken,
)
from tests.worker.hearing.words import words

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 120
"""After which something that should have happened is taken not to happen."""


class Watched:
    """A listener of which is known what it is asked, and which can be held up."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.engine, self.device = listener.engine, listener.device
        self.threads, self.slots = listener.threads, listener.slots
        self.languages: Collection[str] = listener.languages
        self.translates = listener.translates
        self.asked: list[float] = []
        """The seconds of each stretch."""
        self.hears = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()

    @property
    def step_ms(self) -> float:
        return self._listener.step_ms

    async def hear(self, samples: NDArray[np.float32], manner: Manner, *, last: bool) -> Heard:
        self.asked.append(len(samples) / RATE)
        self.hears.set()
        await self.may.wait()
        return await self._listener.hear(samples, manner, last=last)


@pytest.fixture
def listener(loaded: HearingEngine) -> Watched:
    return Watched(loaded._listener)  # pyright: ignore[reportPrivateUsage]  # what it is made of


def pcm(sound: Sound) -> bytes:
    """Samples of 16 bits."""
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


async def at_once(*messages: bytes | LiveInput) -> AsyncGenerator[LiveInput]:
    """Bytes are sound."""
    for each in messages:
        yield LiveInput(audio=each) if isinstance(each, bytes) else each


def config(**asked: object) -> HearLive:
    return HearLive(config=TranscribeLiveConfig(**asked))  # type: ignore[arg-type]  # the caller names fields


async def told(
    listener: Listener, inputs: AsyncIterator[LiveInput], **asked: object
) -> tuple[list[TranscriptEvent], TranscriptFinish]:
    """All that is told, and the end."""
    events: list[TranscriptEvent] = []
    async with asyncio.timeout(SECONDS):
        async for event in hear_live(listener, config(**asked), inputs):
            if event.HasField("result"):
                return events, event.result.hear
            events.append(event.heard)
    raise AssertionError("it has no end")


def kinds(events: Iterable[TranscriptEvent]) -> list[str]:
    return [str(each.WhichOneof("event")) for each in events]


async def test_each_sentence_is_a_segment_of_its_own(listener: Watched) -> None:
    heard = scene()

    events, finish = await told(listener, at_once(*map(pcm, cut(heard.sound, [1600]))))

    assert kinds(events) == ["start", *["segment", "progress"] * len(SENTENCES)]
    segments = [each.segment for each in events if each.HasField("segment")]
    assert [words(each.text) for each in segments] == [words(each) for each in SENTENCES]
    assert [each.segment_id for each in segments] == list(range(len(SENTENCES)))
    for segment, (begin, end) in zip(segments, heard.speech, strict=True):
        assert begin / RATE - 0.7 < segment.start_seconds < begin / RATE + 0.7
        assert end / RATE - 1 < segment.end_seconds < end / RATE + 0.7
    assert finish.text == " ".join(each.text for each in segments)
    assert (finish.language, finish.duration.ToMilliseconds()) == (
        "en",
        len(heard.sound) * 1000 // RATE,
    )
    assert 0 < finish.timings.first_ms < finish.timings.total_ms


@pytest.mark.parametrize("sizes", [[1], [3, 1601], [524_288]])
async def test_it_makes_no_difference_how_sound_is_cut(listener: Watched, sizes: list[int]) -> None:
    sound = np.concatenate([silence(0.3), spoken(SENTENCES[3]), silence(1)])

    _, finish = await told(listener, at_once(*map(pcm, cut(sound, sizes))))

    assert words(finish.text) == words(SENTENCES[3])


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
async def test_other_sample_rates_are_heard(listener: Watched, rate: int) -> None:
    sound = np.concatenate([silence(0.3), spoken(SENTENCES[1]), silence(1)])
    at = np.arange(round(len(sound) * rate / RATE)) * RATE / rate
    other = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)

    _, finish = await told(listener, at_once(pcm(other)), sample_rate=rate)

    assert words(finish.text) == words(SENTENCES[1])


async def test_what_a_sentence_may_become_is_told_and_stays_true(listener: Watched) -> None:
    sound = np.concatenate([spoken(each) for each in SENTENCES])
    partial = asyncio.Event()

    async def speaking() -> AsyncGenerator[LiveInput]:
        waits = asyncio.ensure_future(partial.wait())
        for piece in cut(sound, [1600]):
            yield LiveInput(audio=pcm(piece))
            if not partial.is_set():
                await asyncio.wait([waits], timeout=0.1)  # as a person speaks

    events: list[TranscriptEvent] = []
    async with asyncio.timeout(SECONDS):
        async for event in hear_live(listener, config(partials=True), speaking()):
            events.append(event.heard)
            if event.heard.HasField("partial"):
                partial.set()

    partials = [each.partial for each in events if each.HasField("partial")]
    first = next(each.segment for each in events if each.HasField("segment"))
    assert partials
    assert partials[0].segment_id == first.segment_id
    told_words = words(partials[0].text)
    assert told_words == words(first.text)[: len(told_words)]
    assert partials[0].end_seconds < first.end_seconds


async def test_without_partials_only_what_is_whole_is_heard(listener: Watched) -> None:
    await told(listener, at_once(*map(pcm, cut(spoken(SENTENCES[0]), [1600]))))

    assert len(listener.asked) == 1


async def test_a_flush_ends_what_is_being_said(listener: Watched) -> None:
    said = spoken(SENTENCES[3])
    flushed = asyncio.Event()

    async def speaking() -> AsyncGenerator[LiveInput]:
        yield LiveInput(audio=pcm(said))
        yield LiveInput(flush=True)
        await flushed.wait()

    async def hears() -> list[TranscriptEvent]:
        events: list[TranscriptEvent] = []
        async for event in hear_live(listener, config(), speaking()):
            events.append(event.heard)
            if event.heard.HasField("segment"):
                flushed.set()
        return events

    async with asyncio.timeout(SECONDS):
        events = await hears()

    (segment,) = (each.segment for each in events if each.HasField("segment"))
    assert words(segment.text) == words(SENTENCES[3])


async def test_an_hour_of_silence_is_not_heard(listener: Watched) -> None:
    minute = bytes(60 * RATE * 2)

    events, finish = await told(listener, at_once(*[minute] * 60), partials=True)

    assert kinds(events) == ["start"]
    assert listener.asked == []
    assert (finish.text, finish.duration.seconds) == ("", 3600)


async def test_who_says_nothing_gets_an_empty_transcript(listener: Watched) -> None:
    events, finish = await told(listener, at_once())

    assert kinds(events) == ["start"]
    assert (finish.text, finish.duration.seconds, finish.timings.first_ms) == ("", 0, 0)


async def test_words_have_their_times(listener: Watched) -> None:
    sound = np.concatenate([silence(2), spoken(SENTENCES[3]), silence(1)])

    events, _ = await told(listener, at_once(pcm(sound)), word_timestamps=True)

    (segment,) = (each.segment for each in events if each.HasField("segment"))
    assert [words(each.word)[0] for each in segment.words] == words(SENTENCES[3])
    assert all(1.8 < each.start_seconds <= each.end_seconds < 3.2 for each in segment.words)


async def test_a_caller_who_speaks_faster_than_is_heard_is_held_up(listener: Watched) -> None:
    utterance = pcm(np.concatenate([spoken(SENTENCES[0]), silence(1)]))
    taken = 0

    async def speaking() -> AsyncGenerator[LiveInput]:
        nonlocal taken
        for _ in range(200):
            taken += 1
            yield LiveInput(audio=utterance)

    listener.may.clear()
    async with (
        asyncio.timeout(SECONDS),
        aclosing(hear_live(listener, config(), speaking())) as events,
    ):
        await anext(events)
        segment = asyncio.ensure_future(anext(events))
        await listener.hears.wait()
        before = -1
        while taken != before:  # until it takes no more
            before = taken
            for _ in range(100):
                await asyncio.sleep(0)
        assert 5 < taken < 20
        listener.may.set()
        assert (await segment).heard.HasField("segment")
        async for event in events:
            if event.heard.segment.segment_id == 3:
                break

    assert before < taken < before + 10


async def test_closing_ends_all_that_goes_on(listener: Watched) -> None:
    ended = asyncio.Event()

    async def speaking() -> AsyncGenerator[LiveInput]:
        try:
            yield LiveInput(audio=pcm(np.concatenate([spoken(SENTENCES[0]), silence(1)])))
            await asyncio.Event().wait()
        finally:
            ended.set()

    inputs = speaking()
    tasks = asyncio.all_tasks()
    async with asyncio.timeout(SECONDS), aclosing(hear_live(listener, config(), inputs)) as events:
        await anext(events)
        assert (await anext(events)).heard.HasField("segment")

    assert ended.is_set()
    assert asyncio.all_tasks() == tasks
    assert listener.step_ms == 0


async def test_a_cancelled_caller_leaves_nothing_that_is_computed(listener: Watched) -> None:
    sound = pcm(np.concatenate([spoken(each) for each in SENTENCES]))
    tasks = asyncio.all_tasks()
    hearing = asyncio.create_task(told(listener, at_once(sound)))
    async with asyncio.timeout(SECONDS):
        await listener.hears.wait()
        hearing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hearing

    assert asyncio.all_tasks() == tasks
    assert listener.step_ms == 0


@pytest.mark.parametrize(
    ("asked", "said", "reason"),
    [
        ({"sample_rate": 100}, b"", ErrorReason.FIELD_INVALID),
        ({}, b"\0", ErrorReason.FIELD_INVALID),
        ({"language": "de"}, b"", ErrorReason.LANGUAGE_UNSUPPORTED),
        ({"task": TranscribeRequest.TRANSLATE}, b"", ErrorReason.LANGUAGE_UNSUPPORTED),
    ],
)
async def test_what_cannot_be_heard_is_refused(
    listener: Watched, asked: dict[str, object], said: bytes, reason: ErrorReason.ValueType
) -> None:
    tasks = asyncio.all_tasks()

    with pytest.raises(EngineError) as raised:
        await told(listener, at_once(said), **asked)

    assert raised.value.reason == reason
    assert asyncio.all_tasks() == tasks
