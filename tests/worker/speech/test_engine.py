"""Jobs of a voice, with the real one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland.v1.speech_pb2 import SynthesizeRequest
from funland.worker.v1.worker_pb2 import EmbedTexts, Job, JobEvent, Launch, SpeakText
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.protocol import EngineError
from funland_worker.media.engine import MediaEngine
from funland_worker.speech.engine import PART_BYTES, SpeechEngine
from funland_worker.speech.hibari import HibariVoicing
from funland_worker.speech.loading import load
from funland_worker.speech.voicing import Part, Voice, Voicing

FOLDER = Path(str(distribution("hibari-tts").locate_file("hibari/assets")))
SECONDS = 120
LONG = "It was a dark and stormy night in the old town by the sea. " * 100


class Watched:
    """The real voice, whose calls are counted and can be held up."""

    def __init__(self, voicing: HibariVoicing) -> None:
        self._voicing = voicing
        self.lanes = voicing.lanes
        self.running = self.most = self.said = 0
        self.reached = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._voicing, name)

    def say(self, sentence: str, voice: Voice, speed: float, seed: int) -> NDArray[np.float32]:
        with self._lock:
            self.running += 1
            self.said += 1
            self.most = max(self.most, self.running)
        self.reached.release()
        try:
            assert self.gate.wait(SECONDS)
            return self._voicing.say(sentence, voice, speed, seed)
        finally:
            with self._lock:
                self.running -= 1


@pytest.fixture(scope="module")
def real() -> HibariVoicing:
    return HibariVoicing(FOLDER, 2)


@pytest.fixture
def voicing(real: HibariVoicing) -> Iterator[Watched]:
    watched = Watched(real)
    yield watched
    watched.gate.set()


def job(text: str, *, background: bool = False, **asked: Any) -> Job:
    request = SynthesizeRequest(
        text=text, format=asked.pop("format", SynthesizeRequest.PCM), **asked
    )
    return Job(speak=SpeakText(request=request), background=background)


async def events(engine: MediaEngine, work: Job) -> list[JobEvent]:
    return [event async for event in engine.run(work)]


def sound(told: list[JobEvent]) -> bytes:
    return b"".join(event.artefact.data for event in told)


async def test_a_folder_of_hibari_is_loaded() -> None:
    launch = Launch(model_path=str(FOLDER), settings=LoadSettings(threads=2, slots=5))

    engine = await asyncio.to_thread(load, launch, LoadNews())

    facts = engine.facts
    assert (facts.engine, facts.device) == (LoadSettings.ONNX_RUNTIME, "CPU")
    assert (facts.slots, facts.threads) == (5, 2)
    assert sound(await events(engine, job("Hello.")))


async def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as raised:
        load(Launch(model_path=str(tmp_path)), LoadNews())
    assert raised.value.reason == ErrorReason.MODEL_FILE_INVALID


async def test_damaged_weights_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "hibari.onnx").write_bytes(b"\x08\x08" * 100)
    with pytest.raises(EngineError) as raised:
        load(Launch(model_path=str(tmp_path)), LoadNews())
    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED


async def test_sound_comes_in_parts_between_its_news(voicing: Watched) -> None:
    engine = SpeechEngine(cast("Voicing", voicing), jobs=4)

    told = await events(engine, job("One. Two.", sample_rate=48000))

    kinds = [event.WhichOneof("event") for event in told]
    assert kinds[:5] == ["speaking", "artefact", "spoken", "artefact", "spoken"]
    assert kinds[5:] == ["artefact", "artefact", "result"], "what the resampler had kept, the end"
    parts = [event.artefact for event in told if event.HasField("artefact")]
    assert {part.name for part in parts} == {"audio"}
    assert [part.media_type for part in parts] == ["audio/pcm", "", "", ""]
    assert [part.last for part in parts] == [False, False, False, True]
    assert all(len(part.data) <= PART_BYTES for part in parts)
    assert told[-1].result.speak.characters == 9


async def test_a_long_pause_is_sent_in_several_parts(voicing: Watched) -> None:
    engine = SpeechEngine(cast("Voicing", voicing), jobs=4)
    text = "<speak>One. <break time='10s'/> Two.</speak>"

    told = await events(engine, job(text, ssml=True, sample_rate=48000))

    sizes = [len(event.artefact.data) for event in told if event.HasField("artefact")]
    assert sum(sizes) > 10 * 48000 * 2
    assert max(sizes) == PART_BYTES


async def test_sentences_of_several_texts_take_turns_on_the_lanes(voicing: Watched) -> None:
    engine = SpeechEngine(cast("Voicing", voicing), jobs=4)

    texts = [events(engine, job(f"This is {name}. And more.")) for name in ("one", "two", "three")]
    told = await asyncio.gather(*texts)

    assert voicing.most <= 2
    alone = await events(engine, job("This is two. And more."))
    assert sound(told[1]) == sound(alone), "others beside it change nothing"


async def test_what_is_left_ends_with_the_sentence_that_is_being_said(voicing: Watched) -> None:
    engine = SpeechEngine(cast("Voicing", voicing), jobs=4)
    running = engine.run(job(LONG))
    assert (await anext(running)).HasField("speaking")
    voicing.gate.clear()
    reading = asyncio.ensure_future(anext(running))
    assert await asyncio.to_thread(voicing.reached.acquire, timeout=SECONDS)
    assert engine.step_ms > 0

    reading.cancel()
    leaving = asyncio.ensure_future(asyncio.wait([reading]))
    await asyncio.sleep(0)
    assert not reading.done(), "the voice is still in its library"
    voicing.gate.set()
    await leaving
    await running.aclose()

    assert (voicing.running, voicing.said) == (0, 1)
    assert engine.step_ms == 0
    assert sound(await events(engine, job("Next.")))


async def test_a_task_waits_while_calls_have_sentences_to_say(real: HibariVoicing) -> None:
    voicing = Watched(real)
    voicing.lanes = 1
    engine = SpeechEngine(cast("Voicing", voicing), jobs=4)
    order: list[str] = []

    async def speak(name: str, *, background: bool) -> None:
        async with aclosing(engine.run(job("One. Two. Three.", background=background))) as told:
            async for event in told:
                if event.HasField("spoken"):
                    order.append(name)

    voicing.gate.clear()
    task = asyncio.create_task(speak("task", background=True))
    assert await asyncio.to_thread(voicing.reached.acquire, timeout=SECONDS)
    call = asyncio.create_task(speak("call", background=False))
    await asyncio.sleep(0)  # it begins, and asks for the lane
    voicing.gate.set()
    await asyncio.gather(task, call)

    # What is being said is said to its end.
    assert order == ["task", "call", "call", "call", "task", "task"]


class Mute(HibariVoicing):
    """A voice that finds out late that it can't say something."""

    def __init__(self, real: HibariVoicing) -> None:
        self.__dict__.update(real.__dict__)

    def unspeakable(self, text: str, voice: Voice) -> Part | None:
        return None


async def test_what_looked_sayable_and_is_not_is_no_silence(real: HibariVoicing) -> None:
    engine = SpeechEngine(Mute(real), jobs=4)

    with pytest.raises(EngineError) as raised:
        await events(engine, job("Fine. 你好 你好. Fine."))

    assert raised.value.reason == ErrorReason.TEXT_UNSPEAKABLE
    assert raised.value.metadata == {"text": "你好", "position": "6"}


async def test_other_work_is_refused(voicing: Watched) -> None:
    with pytest.raises(EngineError) as raised:
        await events(
            SpeechEngine(cast("Voicing", voicing), jobs=1), Job(embed=EmbedTexts(inputs=["a"]))
        )
    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed_is_what_it_says(real: HibariVoicing, speed: float) -> None:
    text = "The quick brown fox jumps over the lazy dog and runs home."
    voice = real.voices[0]

    plain, changed = (len(real.say(text, voice, one, 0)) for one in (1.0, speed))

    assert plain / changed == pytest.approx(speed, rel=0.2)


def test_each_sayable_symbol_sounds(real: HibariVoicing) -> None:
    for text in ("$", "€", "5 €", "$.5", "x ≤ 5", "\\", "™", "∞", "αnd", "1" * 40, "x⁴", "_a_"):
        if real.unspeakable(text, real.voices[0]) is None:
            assert len(real.say(text, real.voices[0], 1.0, 0)), text
