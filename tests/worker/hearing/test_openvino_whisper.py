"""Whisper tiny.en in OpenVINO's form hears what it hears in CTranslate2's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.engine import HearingEngine
from funland_worker.hearing.listener import Listener, Manner
from funland_worker.hearing.loading import load
from tests.whisper_models import ops, ov, write_whisper
from tests.worker.hearing.scenes import SENTENCES, silence, spoken
from tests.worker.hearing.test_live_hearing import at_once, kinds, pcm, told, words

in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(whisper_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("whisper") / "tiny.en"
    write_whisper(Path(whisper_folder), made)
    return made


def loaded_from(folder: Path, **settings: object) -> HearingEngine:
    given = LoadSettings(threads=1, **settings)  # type: ignore[arg-type]  # the caller names fields
    engine = load(
        Launch(model_path=str(folder), kind=Model.TRANSCRIPTION, settings=given), LoadNews()
    )
    assert isinstance(engine, HearingEngine)
    return engine


@pytest.fixture(scope="module")
def listener(folder: Path) -> Listener:
    engine = loaded_from(folder)
    assert (engine.facts.engine, engine.facts.device) == (LoadSettings.OPENVINO, "CPU")
    return engine._listener  # pyright: ignore[reportPrivateUsage]  # what it is made of


@in_one_loop
async def test_sentences_are_heard_side_by_side_as_alone(listener: Listener) -> None:
    sounds = [spoken(each) for each in SENTENCES[:3]]

    together = await asyncio.gather(*(listener.hear(one, Manner(), last=True) for one in sounds))
    alone = await listener.hear(sounds[1], Manner(), last=True)

    for sentence, heard in zip(SENTENCES, together, strict=False):
        (segment,) = heard.segments
        assert words(segment.text) == words(sentence)
        assert segment.average_logprob is not None
        assert -0.6 < segment.average_logprob < 0
        assert segment.no_speech_probability is not None
        assert segment.no_speech_probability < 0.2
    assert alone.segments[0].tokens == together[1].segments[0].tokens


@in_one_loop
async def test_silence_is_nothing(listener: Listener) -> None:
    assert (await listener.hear(silence(3), Manner(), last=True)).segments == ()


@in_one_loop
async def test_it_hears_live(listener: Listener) -> None:
    sound = np.concatenate([spoken(SENTENCES[3]), silence(1), spoken(SENTENCES[1])])

    events, finish = await told(listener, at_once(pcm(sound)))

    assert kinds(events) == ["start", "segment", "progress", "segment", "progress"]
    assert words(finish.text) == words(f"{SENTENCES[3]} {SENTENCES[1]}")


@in_one_loop
async def test_times_of_words_are_refused(listener: Listener) -> None:
    with pytest.raises(EngineError) as raised:
        await listener.hear(spoken(SENTENCES[3]), Manner(words=True), last=True)

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == "word_timestamps"


def test_a_device_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(EngineError) as raised:
        loaded_from(folder, device="GPU.7")

    assert raised.value.reason == ErrorReason.ENGINE_UNAVAILABLE
    assert "GPU.7" in raised.value.message


def test_a_decoder_without_its_state_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.stem != "openvino_decoder_model":
            (tmp_path / file.name).symlink_to(file)
    tokens = ops.parameter([-1, -1], np.int64, name="input_ids")
    tokens.output(0).set_names({"input_ids"})
    model = ov.Model([ops.result(tokens)], [tokens], "m")
    ov.save_model(model, str(tmp_path / "openvino_decoder_model.xml"))

    with pytest.raises(EngineError) as raised:
        loaded_from(tmp_path)

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
