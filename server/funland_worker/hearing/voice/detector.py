"""Finds the parts of a sound in which somebody speaks, while it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.voice.deciding import FRAME_SAMPLES, Rules, SpanDecider, Stretch
from funland_worker.hearing.voice.silero import SpeechLikelihoods

SAMPLE_RATE = 16_000
"""In hertz, of all that is heard here."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a sound in which somebody speaks."""

    start: int
    """Its first sample, counted from the sound's beginning."""
    samples: NDArray[np.float32]
    """One channel, 16 kHz."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / SAMPLE_RATE


class VoiceDetector:
    """One sound's. It keeps what a span may still need: at most one of the longest."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._decider = SpanDecider(rules)
        self._likelihoods = SpeechLikelihoods()
        self._kept = np.zeros(0, np.float32)
        self._kept_from = 0
        """Which sample the first that is kept is."""
        self._judged = 0
        """How many samples the detector has judged: whole frames."""
        self._earliest = 0
        """The first sample that no span has yet, if that is within a frame."""

    @property
    def samples(self) -> int:
        """How many came so far."""
        return self._kept_from + len(self._kept)

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks now."""
        return self._decider.open is None

    @property
    def open_seconds(self) -> float:
        """How long the span is so far that has not ended; 0: there is none."""
        first = self._decider.open
        return (
            0.0
            if first is None
            else self.samples / SAMPLE_RATE - first * FRAME_SAMPLES / SAMPLE_RATE
        )

    def open(self) -> Span | None:
        """What came so far of a span that has not ended."""
        first = self._decider.open
        return None if first is None else self._span(Stretch(first, first), to=self.samples)

    def process(self, block: NDArray[np.float32]) -> list[Span]:
        """The spans that have ended, now that this has come: one channel, 16 kHz, from -1 to 1.

        Raises:
            EngineError: AUDIO_INVALID: not all of it are numbers.
        """
        if not np.isfinite(block).all():
            raise EngineError(
                ErrorReason.AUDIO_INVALID, "The sound has samples that are no numbers."
            )
        self._kept = np.concatenate([self._kept, block])
        fresh = self._kept[self._judged - self._kept_from :]
        frames = fresh[: len(fresh) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        self._judged += frames.size
        ended = [self._decider.step(float(each)) for each in self._likelihoods.of(frames)]
        spans = [self._span(each) for each in ended if each is not None]
        self._forget()
        return spans

    def finish(self) -> list[Span]:
        """Ends the span that is open, if there is one; more may come."""
        last = self._decider.finish()
        spans: list[Span] = []
        if last is not None:
            # What is left of a frame belongs to the speech that it follows at once.
            to_end = last.after * FRAME_SAMPLES == self._judged
            spans.append(self._span(last, to=self.samples if to_end else None))
            self._earliest = self.samples if to_end else 0
        self._forget()
        return spans

    def _span(self, stretch: Stretch, to: int | None = None) -> Span:
        start = max(self._earliest, stretch.first * FRAME_SAMPLES)
        after = stretch.after * FRAME_SAMPLES if to is None else to
        samples = self._kept[start - self._kept_from : after - self._kept_from].copy()
        return Span(start, samples)

    def _forget(self) -> None:
        needless = self._decider.needed * FRAME_SAMPLES - self._kept_from
        if needless > 0:
            self._kept = self._kept[needless:].copy()
            self._kept_from += needless


def spans(blocks: Iterable[NDArray[np.float32]], rules: Rules | None = None) -> Iterator[Span]:
    """The parts of a sound in which somebody speaks, in their order, as soon as each has ended.

    Args:
        blocks: The sound, in pieces of any size: one channel, 16 kHz, from -1 to 1.
        rules: Where parts begin and end.
    """
    detector = VoiceDetector(rules)
    for block in blocks:
        for begin in range(0, len(block), _PIECE):
            yield from detector.process(block[begin : begin + _PIECE])
    yield from detector.finish()


_PIECE = 16 * SAMPLE_RATE
"""So much is looked at in one go, whatever comes."""
