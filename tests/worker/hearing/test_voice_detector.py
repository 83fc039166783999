"""The detector of speech, on what hibari says."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.voice import silero
from funland_worker.hearing.voice.deciding import Rules
from funland_worker.hearing.voice.detector import Span, VoiceDetector, spans
from tests.worker.hearing.scenes import RATE, SENTENCES, cut, scene, silence, spoken, tones


def places(found: list[Span]) -> list[tuple[int, int]]:
    return [(each.start, each.start + len(each.samples)) for each in found]


@pytest.mark.parametrize("between", ["silence", "quiet", "noise", "hum", "tones"])
def test_every_sentence_is_found_whole_and_apart_from_the_others(between: str) -> None:
    heard = scene(between)

    found = places(list(spans([heard.sound])))

    assert len(found) == len(SENTENCES)
    for (first, after), (begin, end) in zip(found, heard.speech, strict=True):
        assert begin - RATE * 0.6 < first <= begin + RATE * 0.05
        assert end - RATE * 0.05 <= after < end + RATE * 0.6


@pytest.mark.parametrize("sizes", [[1600], [1, 511, 512, 513, 7000], [333], [64_000]])
def test_it_makes_no_difference_how_a_sound_is_cut(sizes: list[int]) -> None:
    sound = scene("noise", seed=3).sound

    found = list(spans(cut(sound, sizes)))

    assert places(found) == places(list(spans([sound])))
    for each in found:
        assert np.array_equal(each.samples, sound[each.start : each.start + len(each.samples)])


def test_nobody_speaks_in_silence_noise_hum_and_music() -> None:
    chance = np.random.default_rng(5)
    seconds = np.arange(20 * RATE) / RATE
    sounds = {
        "silence": silence(20),
        "noise": 0.02 * chance.standard_normal(20 * RATE),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * seconds),
        "whistle": 0.1 * np.sin(2 * np.pi * 1000 * seconds),
        "music": tones(20 * RATE, chance),
    }

    found = {name: places(list(spans([each.astype(np.float32)]))) for name, each in sounds.items()}

    assert found == {name: [] for name in sounds}


def test_a_span_that_is_open_grows_and_a_flush_ends_it() -> None:
    said = spoken(SENTENCES[0])
    detector = VoiceDetector()
    lengths: list[int] = []
    for piece in cut(said, [1600]):
        assert detector.process(piece) == []
        now = detector.open()
        lengths.append(len(now.samples) if now else 0)

    (whole,) = detector.finish()

    assert lengths == sorted(lengths)
    assert lengths[-1] == len(said) - whole.start
    assert whole.start < 0.1 * RATE
    assert np.array_equal(whole.samples, said[whole.start :])
    assert (detector.open(), detector.finish()) == (None, [])


def test_speech_goes_on_after_a_flush_without_a_gap_or_an_overlap() -> None:
    said = np.concatenate([spoken(text) for text in SENTENCES])
    detector = VoiceDetector()
    found: list[Span] = []
    for piece in cut(said, [20_011]):
        found += detector.process(piece)
        found += detector.finish()

    joined = places(found)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(joined))
    assert sum(after - first for first, after in joined) > 0.95 * len(said)


def test_long_speech_is_cut_and_memory_is_bounded() -> None:
    rules = Rules(longest=60)
    said = np.concatenate([spoken(text) for text in SENTENCES])
    detector = VoiceDetector(rules)
    found: list[Span] = []
    for piece in cut(said, [1600]):
        found += detector.process(piece)
        assert len(detector._kept) <= (60 + 8) * 512  # pyright: ignore[reportPrivateUsage]  # its memory

    assert len(found) > 3
    assert all(len(each.samples) <= 60 * 512 for each in found)


def test_an_hour_of_silence_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    network = silero._asked  # pyright: ignore[reportPrivateUsage]  # what costs

    def counted(given: silero.Frames, memory: silero.Memory) -> tuple[silero.Frames, silero.Memory]:
        asked.append(len(given))
        return network(given, memory)

    monkeypatch.setattr(silero, "_asked", counted)

    assert list(spans(silence(60) for _ in range(60))) == []
    assert sum(asked) <= 32


def test_speech_after_a_long_silence_is_heard_from_its_first_word() -> None:
    said = spoken("No, thank you.")

    (found,) = spans([silence(30), said, silence(1)])

    assert 30 * RATE - 2000 <= found.start <= 30 * RATE + 800


def test_what_is_no_number_is_refused() -> None:
    detector = VoiceDetector()
    with pytest.raises(EngineError) as raised:
        detector.process(np.array([0.0, np.nan, 0.1], np.float32))

    assert raised.value.reason == ErrorReason.AUDIO_INVALID
    assert detector.process(silence(1)) == []


def test_the_network_is_silero_s_own_file() -> None:
    file = Path(silero.__file__).with_name("silero-vad-16k.onnx")

    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    assert digest == "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"
    assert "MIT License" in file.with_suffix(".LICENSE").read_text()
