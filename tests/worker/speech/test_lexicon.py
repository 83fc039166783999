"""Voices that read by a lexicon: they say all of a text, or none of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.speech.lexicon import english_reading, mandarin_reading, words_of
from funland_worker.speech.sherpa import SherpaVoicing
from funland_worker.speech.sherpa_files import found_in
from funland_worker.speech.voicing import Part
from tests.voice_models import matcha_voice, vits_voice

WORDS = ("hello", "world", "two", "don't", "twenty", "five", "percent", "cafe")
ENGLISH = english_reading(frozenset(WORDS))
MANDARIN = mandarin_reading(frozenset([*"你好零二十五元", "hello"]))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Hello, world!", None),
        ("Don\u2019t, world.", None),
        ("Café two.", None),
        ("Hello 25 - (world)", None),
        ("Hello zyzzy world", Part(6, 11)),
        ("Hello 你好", Part(6, 8)),
        ("zyzzy 你好", Part(0, 5)),
    ],
)
def test_each_word_of_an_english_text_is_looked_up(text: str, part: Part | None) -> None:
    assert ENGLISH.unspeakable(text) == part


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Hello, world!", "hello, world!"),
        ("Hello-world (two)", "hello world two"),
        ("25%", "twenty five percent"),
        ("Don\u2019t.", "don't."),
        ("3 worlds", None),
    ],
)
def test_english_is_written_in_words_of_the_lexicon(text: str, written: str | None) -> None:
    assert ENGLISH.written(text) == written


@pytest.mark.parametrize(
    ("text", "part", "written"),
    [
        ("你好，你。", None, "你好, 你."),
        ("好25元", None, "好二十五元"),
        ("你好 Hello!", None, "你好 hello!"),
        ("你妈好", Part(1, 2), None),
        ("你好 world", Part(3, 8), None),
        ("你好😀", Part(2, 3), "你好"),
    ],
)
def test_each_character_of_a_mandarin_text_is_looked_up(
    text: str, part: Part | None, written: str | None
) -> None:
    assert MANDARIN.unspeakable(text) == part
    assert MANDARIN.written(text) == written


def test_words_whose_symbols_nobody_knows_are_none(tmp_path: Path) -> None:
    lexicon, tokens = tmp_path / "lexicon.txt", tmp_path / "tokens.txt"
    tokens.write_text("a 0\nb 1\n  2\n")
    lexicon.write_text("Ab a b\nx z\nnone\ntoned a b 1 2\n")

    assert words_of(lexicon, tokens, tones=False) == {"ab"}
    assert words_of(lexicon, tokens, tones=True) == {"ab", "toned"}


@pytest.fixture
def vits(tmp_path: Path) -> SherpaVoicing:
    pytest.importorskip("sherpa_onnx", reason="the extra `voices` is not installed")
    return SherpaVoicing(vits_voice(tmp_path / "vits", n_speakers=2), 1)


def test_all_words_of_a_text_are_said(vits: SherpaVoicing) -> None:
    voice = vits.voices[1]

    samples = vits.say("Hello, world.", voice, 1.0, 0)

    # The numbers of the symbols, with a blank around each.
    said = [1, 2, 3, 4, 11, 7, 5, 4, 3, 6, 11, 8, 11]
    spaced = [number for one in said for number in (0, one)] + [0]
    assert np.round(samples[: len(samples) // 160] * 500).astype(int).tolist() == spaced
    assert [one.name for one in vits.voices] == ["0", "1"]


def test_a_word_that_is_missing_after_all_is_an_error(vits: SherpaVoicing) -> None:
    assert vits.unspeakable("Hello 3", vits.voices[0]) is None, "numbers are words later"
    with pytest.raises(EngineError) as raised:
        vits.say("Hello 3", vits.voices[0], 1.0, 0)

    assert raised.value.reason == ErrorReason.TEXT_UNSPEAKABLE


def test_matcha_speaks_with_its_vocoder(tmp_path: Path) -> None:
    pytest.importorskip("sherpa_onnx", reason="the extra `voices` is not installed")
    matcha = SherpaVoicing(matcha_voice(tmp_path / "matcha"), 1)

    short = matcha.say("你好。", matcha.voices[0], 1.0, 0)
    long = matcha.say("你好，你好，2。", matcha.voices[0], 1.0, 0)

    assert (matcha.voices[0].language, matcha.voices[0].sample_rate) == ("zh-CN", 16000)
    assert 0 < len(short) < len(long)


def test_a_network_that_is_none_is_found_before_the_library_sees_it(tmp_path: Path) -> None:
    folder = matcha_voice(tmp_path / "matcha")
    (folder / "hifigan_v2.onnx").write_bytes(b"\x08\x08" * 100)

    with pytest.raises(EngineError) as raised:
        found_in(folder)

    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED


def test_a_vocoder_that_gives_something_else_is_found_before_too(tmp_path: Path) -> None:
    folder = matcha_voice(tmp_path / "matcha")
    path = folder / "hifigan_v2.onnx"
    path.write_bytes(path.read_bytes().replace(b"\x07hifigan", b"\x07vocos__"))

    with pytest.raises(EngineError) as raised:
        found_in(folder)

    assert raised.value.reason == ErrorReason.MODEL_FILE_INVALID
