"""Hears windows with a Whisper: encodes, decodes, judges, tries again, finds the words."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.models_pb2 import LoadSettings
from funland_worker.hearing.batches import Batches
from funland_worker.hearing.guards import (
    Attempt,
    Result,
    Verdict,
    compression_ratio,
    goes_on,
    judged,
    next_attempt,
    sayable,
    token_limit,
    usable,
    usual_tokens,
)
from funland_worker.hearing.languages import Language
from funland_worker.hearing.listener import WINDOW_SECONDS, Heard, Manner, Segment, Word
from funland_worker.hearing.recogniser import Decoded, Encoded, Options, Recogniser
from funland_worker.hearing.spectrogram import FRAME_SAMPLES, RATE, log_mel
from funland_worker.hearing.tokens import WhisperTokens
from funland_worker.hearing.windows import Cut, cut, window_seconds
from funland_worker.hearing.words import grouped, timed

_PROMPT_TOKENS: Final = 224
"""Half of what the network can look back on, less the mark before it."""
_LOOKS_BACK: Final = 448
"""So many tokens the network can look back on, those of the answer included."""
_ENGLISH: Final = "en"


@dataclass(frozen=True, slots=True)
class _Window:
    encoded: Encoded
    seconds: float

    @property
    def whole(self) -> bool:
        return self.seconds >= WINDOW_SECONDS


class WhisperListener:
    """See `Listener`."""

    def __init__(
        self,
        recogniser: Recogniser,
        tokens: WhisperTokens,
        *,
        multilingual: bool,
        engine: LoadSettings.Engine.ValueType,
        device: str,
        threads: int,
        slots: int,
    ) -> None:
        self._recogniser = recogniser
        self._tokens = tokens
        self._multilingual = multilingual
        self._batches = Batches(recogniser.batch)
        self.engine = engine
        self.device = device
        self.threads = threads
        self.slots = slots

    @property
    def languages(self) -> Collection[str]:
        """See `Listener`."""
        return self._tokens.languages.keys() if self._multilingual else (_ENGLISH,)

    @property
    def translates(self) -> bool:
        """See `Listener`."""
        return self._multilingual

    @property
    def step_ms(self) -> float:
        """See `Listener`."""
        return self._batches.step_ms

    async def hear(self, samples: NDArray[np.float32], manner: Manner, *, last: bool) -> Heard:
        """See `Listener`."""
        sound = len(samples) / RATE
        window = await self._encoded(samples, whole=False)
        likely: float | None = None
        if manner.language is None:
            manner, likely = await self._found(window.encoded, manner)
        spoken = manner.language or Language(_ENGLISH)
        accepted = await self._accepted(window, samples, manner, spoken)
        if accepted is None:
            return Heard(seconds=sound)
        window, decoded, temperature = accepted
        cuts, covered = cut(
            decoded.tokens, self._tokens.first_time, self._tokens.seconds, sound, last=last
        )
        words: Mapping[int, Sequence[Word]] = {}
        if manner.words:
            words = await self._words(window.encoded, manner, spoken, cuts, sound)
        segments = [
            self._segment(one, decoded, temperature, words.get(place, ()))
            for place, one in enumerate(cuts)
        ]
        told = tuple(
            one
            for place, one in enumerate(segments)
            if one.text and (not place or sayable(one.text, one.end - one.start))
        )
        return Heard(told, spoken, likely, covered)

    async def _found(self, encoded: Encoded, manner: Manner) -> tuple[Manner, float | None]:
        """The manner with the language that is spoken, and how likely it is that."""
        if not self._multilingual:
            return replace(manner, language=Language(_ENGLISH)), None
        code, likely = await self._batches.run(
            ("detect", encoded.shape), encoded, self._recogniser.detect
        )
        return replace(manner, language=Language(code)), likely

    async def _accepted(
        self, window: _Window, samples: NDArray[np.float32], manner: Manner, spoken: Language
    ) -> tuple[_Window, Decoded, float] | None:
        """What is said in a window, the window in which it was found, and with how much chance;
        None: nothing is said."""
        start = self._start(manner, spoken)
        attempt: Attempt | None = Attempt(manner.temperature, whole=window.whole)
        while True:
            if attempt.whole and not window.whole:
                window = await self._encoded(samples, whole=True)
            decoded, limit = await self._written(window, start, attempt.temperature)
            result = self._result(decoded)
            verdict = judged(result, limit, whole=window.whole)
            if verdict is Verdict.SILENT:
                return None
            following = next_attempt(attempt)
            if verdict is Verdict.ACCEPTED or (following is None and usable(result, limit)):
                return window, decoded, attempt.temperature
            if following is None:
                return None
            attempt = following

    async def _written(
        self, window: _Window, start: Sequence[int], temperature: float
    ) -> tuple[Decoded, int]:
        """What is decoded of a window, and how many tokens it could have had. What runs away does
        so soon, and nobody who leaves amid a step is let go: so most is allowed to few."""
        limit = min(token_limit(window.seconds), _LOOKS_BACK - len(start))
        first = min(usual_tokens(window.seconds), limit)
        decoded = await self._decoded(window.encoded, start, Options(temperature, first))
        if first == limit or not goes_on(self._result(decoded), first):
            return decoded, first
        return await self._decoded(window.encoded, start, Options(temperature, limit)), limit

    async def _encoded(self, samples: NDArray[np.float32], *, whole: bool) -> _Window:
        seconds = window_seconds(len(samples) / RATE, whole=whole)
        with self._batches.coming():
            features = await asyncio.to_thread(self._features, samples, seconds)
        encoded = await self._batches.run(
            ("encode", features.shape),
            features,
            self._recogniser.encode,
            self._recogniser.encoded_together(features.shape[1]),
        )
        return _Window(encoded, seconds)

    def _features(self, samples: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
        padded = np.zeros(round(seconds * RATE), np.float32)
        padded[: len(samples)] = samples
        return log_mel(padded, self._recogniser.mels)

    async def _decoded(self, encoded: Encoded, start: Sequence[int], options: Options) -> Decoded:
        def decode(items: Sequence[tuple[Encoded, Sequence[int]]]) -> list[Decoded]:
            windows, prompts = zip(*items, strict=True)
            return self._recogniser.decode(windows, prompts, options)

        key = ("decode", encoded.shape, len(start), options)
        decoded = await self._batches.run(key, (encoded, start), decode)
        tokens = self._tokens
        kept = (one for one in decoded.tokens if one < tokens.end or tokens.is_time(one))
        return replace(decoded, tokens=tuple(kept))

    def _start(self, manner: Manner, spoken: Language) -> list[int]:
        """What stands before the text."""
        text = " ".join(part for part in (manner.prompt.strip(), spoken.prompt) if part)
        prompt = self._tokens.encode(f" {text}")[-_PROMPT_TOKENS + 1 :] if text else []
        before = [self._tokens.previous, *prompt] if prompt else []
        return [*before, *self._task(manner, spoken)]

    def _task(self, manner: Manner, spoken: Language) -> list[int]:
        tokens = self._tokens
        if not self._multilingual:
            return [tokens.start]
        task = tokens.translate if manner.translate else tokens.transcribe
        return [tokens.start, tokens.languages[spoken.code], task]

    def _result(self, decoded: Decoded) -> Result:
        return Result(
            self._tokens.text(decoded.tokens).strip(),
            len(decoded.tokens),
            decoded.average_logprob,
            decoded.no_speech_probability,
        )

    def _segment(
        self, part: Cut, decoded: Decoded, temperature: float, words: Sequence[Word]
    ) -> Segment:
        text = self._tokens.text(part.tokens).strip()
        # Words are found in the sound itself, and none lies outside of its segment.
        start = words[0].start if words else part.start
        return Segment(
            start=start,
            end=max(start, words[-1].end) if words else part.end,
            text=text,
            tokens=part.tokens,
            words=tuple(words),
            average_logprob=decoded.average_logprob,
            no_speech_probability=decoded.no_speech_probability,
            compression_ratio=compression_ratio(text),
            temperature=temperature,
        )

    async def _words(
        self,
        encoded: Encoded,
        manner: Manner,
        spoken: Language,
        cuts: Sequence[Cut],
        sound: float,
    ) -> dict[int, list[Word]]:
        """The words of each segment, by its place."""
        text = [token for part in cuts for token in part.tokens]
        if not text:
            return {}
        frames = min(round(sound * RATE) // FRAME_SAMPLES, 2 * encoded.shape[1])
        start = self._task(manner, spoken)

        def align(items: Sequence[Sequence[int]]) -> list[list[Word]]:
            found: list[list[Word]] = []
            for item in items:
                aligned = self._recogniser.align(encoded, start, item, frames)
                found.append(timed(groups, aligned, sound))
            return found

        spaced = manner.translate or spoken.spaced
        by_segment = [grouped(part.tokens, self._tokens.bytes, spaced=spaced) for part in cuts]
        groups = [group for each in by_segment for group in each]
        words = await self._batches.run(object(), text, align)
        told: dict[int, list[Word]] = {}
        for place, each in enumerate(by_segment):
            told[place], words = words[: len(each)], words[len(each) :]
        return {place: [word for word in each if word.text] for place, each in told.items()}
