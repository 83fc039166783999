"""What is asked of a Whisper of many languages, and what it makes of that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.ctranslate2.library import ctranslate2
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.languages import SIMPLIFIED_PROMPT, TRADITIONAL_PROMPT, Language
from funland_worker.hearing.listener import Manner
from funland_worker.hearing.recogniser import Decoded, Encoded, Options
from funland_worker.hearing.recording import Hearing
from funland_worker.hearing.spectrogram import log_mel
from funland_worker.hearing.tokens import WhisperTokens
from funland_worker.hearing.whisper import CTranslate2Whisper
from funland_worker.hearing.whisper_listener import WhisperListener
from tests.worker.hearing.scenes import RATE, SENTENCES, spoken
from tests.worker.hearing.tiny_whisper import (
    PREVIOUS,
    START,
    TRANSCRIBE,
    TRANSLATE,
    make,
)

SOUND = np.random.default_rng(1).normal(size=3 * RATE).astype(np.float32) * 0.1


class Watched(CTranslate2Whisper):
    """Notes how windows were decoded."""

    def __init__(self, package: Any, network: Any) -> None:
        super().__init__(package, network)
        self.asked: list[tuple[list[int], Options, int]] = []
        self.detections = 0

    def detect(self, windows: Sequence[Encoded]) -> list[tuple[str, float]]:
        self.detections += len(windows)
        return super().detect(windows)

    def decode(
        self, windows: Sequence[Encoded], prompts: Sequence[Sequence[int]], options: Options
    ) -> list[Decoded]:
        for window, prompt in zip(windows, prompts, strict=True):
            self.asked.append((list(prompt), options, window.shape[1]))
        return super().decode(windows, prompts, options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("whisper") / "model")


@pytest.fixture(scope="module")
def tokens(folder: Path) -> WhisperTokens:
    return WhisperTokens(folder)


@pytest.fixture
def network(folder: Path) -> Watched:
    package: Any = ctranslate2()
    return Watched(package, package.models.Whisper(str(folder), intra_threads=1))


@pytest.fixture
def listener(network: Watched, tokens: WhisperTokens) -> WhisperListener:
    return WhisperListener(
        network,
        tokens,
        multilingual=True,
        engine=LoadSettings.CTRANSLATE2,
        device="CPU",
        threads=1,
        slots=4,
    )


def language(code: str) -> int:
    return {"en": 50259, "zh": 50260, "de": 50261}[code]


async def test_it_is_told_language_and_task(listener: WhisperListener, network: Watched) -> None:
    await listener.hear(SOUND, Manner(Language("de")), last=True)
    await listener.hear(SOUND, Manner(Language("de"), translate=True), last=True)

    prompts = {tuple(prompt) for prompt, _, _ in network.asked}
    assert prompts == {
        (START, language("de"), TRANSCRIBE), (START, language("de"), TRANSLATE),
    }  # fmt: skip
    assert not network.detections
    assert {"de", "zh", "haw"} < set(listener.languages)
    assert listener.translates


async def test_what_can_not_be_heard_is_tried_in_a_whole_window_and_with_chance(
    listener: WhisperListener, network: Watched
) -> None:
    heard = await listener.hear(SOUND, Manner(Language("en")), last=True)

    asked = [(options.temperature, frames) for _, options, frames in network.asked]
    tried = list(dict.fromkeys(asked))
    assert tried[0] == (0, 250), "five seconds of three"
    assert tried == [(0, 250), (0, 1500), (0.4, 1500), (0.8, 1500)][: len(tried)]
    assert heard.seconds == 3


async def test_a_text_may_be_long_only_if_its_beginning_is_one(
    listener: WhisperListener, network: Watched
) -> None:
    """The network's text never ends."""
    await listener.hear(SOUND, Manner(Language("en")), last=True)

    allowed = [options.most_tokens for _, options, frames in network.asked if frames == 250]
    assert allowed in ([51], [51, 86])


async def test_the_language_is_found_where_none_is_named(
    listener: WhisperListener, network: Watched
) -> None:
    await listener.hear(SOUND, Manner(), last=True)

    (found,) = {prompt[prompt.index(START) + 1] for prompt, _, _ in network.asked}
    assert network.detections == 1
    assert START < found < TRANSLATE


@pytest.mark.parametrize(
    ("spoken_", "text"),
    [(Language("zh"), SIMPLIFIED_PROMPT), (Language("zh", traditional=True), TRADITIONAL_PROMPT)],
)
async def test_chinese_is_asked_for_in_the_right_characters(
    spoken_: Language,
    text: str,
    listener: WhisperListener,
    network: Watched,
    tokens: WhisperTokens,
) -> None:
    await listener.hear(SOUND, Manner(spoken_, prompt="Funland"), last=True)

    prompt = network.asked[0][0]
    assert prompt[0] == PREVIOUS
    assert prompt[-3:] == [START, language("zh"), TRANSCRIBE]
    assert tokens.text(prompt) == f" Funland {text}"


async def test_a_long_prompt_keeps_its_end_and_leaves_room_for_the_answer(
    listener: WhisperListener, network: Watched, tokens: WhisperTokens
) -> None:
    await listener.hear(SOUND, Manner(Language("en"), prompt="x" * 4095 + "!"), last=True)

    for prompt, options, _ in network.asked:
        assert len(prompt) + options.most_tokens <= 448
        assert tokens.text(prompt).endswith("x!")


def test_a_text_has_as_many_tokens_as_it_was_limited_to(
    network: Watched, tokens: WhisperTokens
) -> None:
    """Whatever stands before it; with a random network nothing ends by itself."""
    features = log_mel(np.zeros(5 * RATE, np.float32), network.mels)
    (window,) = network.encode([features])
    start = [START, language("en"), TRANSCRIBE]
    for before in ([], [PREVIOUS, *tokens.encode("a" * 220)]):
        for limit in (16, 86, 220):
            (decoded,) = network.decode([window], [[*before, *start]], Options(0, limit))

            assert len(decoded.tokens) <= limit
            assert 0 <= decoded.no_speech_probability <= 1
            assert decoded.average_logprob <= 0


async def test_windows_that_come_at_once_are_told_apart(
    listener: WhisperListener, network: Watched
) -> None:
    """Each of eight gets what it gets alone."""
    sounds = [SOUND * level for level in np.linspace(0.2, 1, 8, dtype=np.float32)]
    manner = Manner(Language("en"))

    windows = [log_mel(np.pad(sound, (0, 2 * RATE)), 80) for sound in sounds]

    alone = [encoded for one in windows for encoded in network.encode([one])]
    together = network.encode(windows)

    for one, other in zip(alone, together, strict=True):
        assert np.abs(one - other).max() < 1e-3
    heard = await asyncio.gather(*(listener.hear(sound, manner, last=True) for sound in sounds))
    assert [one.seconds for one in heard] == [3] * 8


def test_words_of_a_text_are_found_in_it(network: Watched, tokens: WhisperTokens) -> None:
    features = log_mel(spoken(SENTENCES[0])[: 2 * RATE], network.mels)
    (window,) = network.encode([features])
    text = tokens.encode("some words")

    aligned = network.align(window, [START, language("en"), TRANSCRIBE], text, 200)

    assert len(aligned.probabilities) == len(text)
    assert {token for token, _ in aligned.pairs} <= set(range(len(text) + 1))
    assert all(0 <= frame <= 100 for _, frame in aligned.pairs)


def test_a_text_is_written_by_bytes_without_a_tokenizer(tokens: WhisperTokens) -> None:
    for text in (" Hello, you", "以下是普通话", "na\u00efve \U0001f600"):
        assert tokens.text(tokens.encode(text)) == text
    assert tokens.text([START, language("en"), *tokens.encode("a"), tokens.first_time]) == "a"
    assert tokens.seconds(tokens.first_time + 50) == 1


async def test_what_came_before_the_damage_is_heard(listener: WhisperListener) -> None:
    def blocks() -> Iterator[NDArray[np.float32]]:
        yield np.zeros(35 * RATE, np.float32)
        yield np.zeros(30 * RATE, np.float32)
        raise EngineError(ErrorReason.AUDIO_INVALID, "damaged")

    parts = Hearing(listener, Manner()).parts(blocks(), voice_detection=False)

    assert [(await anext(parts)).seconds, (await anext(parts)).seconds] == [30, 60]
    with pytest.raises(EngineError, match="damaged"):
        await anext(parts)
