"""What a benchmark does next, and what its waves come to (ADR 0070)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from funland.v1.hardware_pb2 import BenchmarkProgress

Phase = BenchmarkProgress.Phase.ValueType

STREAMS: Final = 8
CONTEXT: Final = 1024
"""What a stream may have of tokens, if the model can have so many."""
_PROMPT: Final = 512
_SHORTEST_PROMPT: Final = 32
_TOKENS: Final = 128
_BEGINNING: Final = 16
"""The prompt of a text whose writing is measured, in tokens."""
_WARM_TOKENS: Final = 8

_ENOUGH_SECONDS: Final = 2.0
_MOST_SECONDS: Final = 10.0
"""In one phase, unless nothing was measured by then."""
_MOST_WAVES: Final = 5

_NEXT: Final = {
    BenchmarkProgress.PROMPT: BenchmarkProgress.ONE_STREAM,
    BenchmarkProgress.ONE_STREAM: BenchmarkProgress.EIGHT_STREAMS,
}
_BEGINS: Final = {
    BenchmarkProgress.WAITING: 0.0,
    BenchmarkProgress.LOADING: 0.0,
    BenchmarkProgress.PROMPT: 0.3,
    BenchmarkProgress.ONE_STREAM: 0.5,
    BenchmarkProgress.EIGHT_STREAMS: 0.75,
}
"""How much of the whole is done when a phase begins."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Texts that begin together."""

    phase: Phase
    streams: int
    prompt_tokens: int
    tokens: int
    """What each writes."""
    seconds: float
    """After so long it may end before its end."""
    warms_up: bool = False
    """Whether what it comes to counts for nothing: drivers compile at the first use."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a wave came to."""

    wave: Wave
    tokens: int
    """Those of the prompt in the phase PROMPT, else those that all its texts wrote,"""
    seconds: float
    """in this time."""
    whole_seconds: float
    """From its begin to its end."""

    @property
    def speed(self) -> float:
        """In tokens a second."""
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Speeds:
    """What a benchmark came to, in tokens a second."""

    prompt: float
    prompt_tokens: int
    one_stream: float
    eight_streams: float


def next_wave(done: Sequence[Measured], context_length: int) -> Wave | None:
    """The wave to come after those that are done, in a context of so many tokens for each text;
    None: all is measured.

    A wave is repeated until two seconds of its kind are measured, five times or for ten seconds,
    whichever comes first.
    """
    if not done:
        tokens = _fitting(_WARM_TOKENS, context_length)
        return Wave(
            BenchmarkProgress.PROMPT, STREAMS, _beginning(context_length), tokens,
            _MOST_SECONDS, warms_up=True,
        )  # fmt: skip
    phase = done[-1].wave.phase
    if _share(done, phase) >= 1:
        if phase not in _NEXT:
            return None
        phase = _NEXT[phase]
    rest = _MOST_SECONDS - sum(each.whole_seconds for each in _counting(done, phase))
    if phase == BenchmarkProgress.PROMPT:
        return Wave(phase, 1, _prompt_tokens(done[0], context_length), 1, rest)
    streams = 1 if phase == BenchmarkProgress.ONE_STREAM else STREAMS
    return Wave(phase, streams, _beginning(context_length), _fitting(_TOKENS, context_length), rest)


def speeds(done: Sequence[Measured]) -> Speeds:
    """What all waves came to: of prompts the median, since the first may be slow once more."""
    prompts = _counting(done, BenchmarkProgress.PROMPT)
    return Speeds(
        prompt=median(each.speed for each in prompts),
        prompt_tokens=max(each.tokens for each in prompts),
        one_stream=_together(_counting(done, BenchmarkProgress.ONE_STREAM)),
        eight_streams=_together(_counting(done, BenchmarkProgress.EIGHT_STREAMS)),
    )


def fraction(phase: Phase, done: Sequence[Measured] = ()) -> float:
    """How much of the whole is done in a phase, from 0 to 1."""
    begin = _BEGINS[phase]
    end = _BEGINS[_NEXT[phase]] if phase in _NEXT else 1.0
    return round(begin + (end - begin) * min(_share(done, phase), 1.0), 3)


def _share(done: Sequence[Measured], phase: Phase) -> float:
    """How much of a phase is done; from 1 on it is over."""
    waves = _counting(done, phase)
    return max(
        sum(each.seconds for each in waves) / _ENOUGH_SECONDS,
        sum(each.whole_seconds for each in waves) / _MOST_SECONDS,
        len(waves) / _MOST_WAVES,
    )


def _counting(done: Sequence[Measured], phase: Phase) -> list[Measured]:
    return [each for each in done if each.wave.phase == phase and not each.wave.warms_up]


def _together(waves: Sequence[Measured]) -> float:
    return sum(each.tokens for each in waves) / sum(each.seconds for each in waves)


def _prompt_tokens(warm_up: Measured, context_length: int) -> int:
    """As many as take less than a phase: a prompt is computed no slower than eight texts are
    written."""
    known = int(warm_up.speed * _MOST_SECONDS)
    return min(_PROMPT, max(known, _SHORTEST_PROMPT), context_length // 2)


def _beginning(context_length: int) -> int:
    return min(_BEGINNING, context_length // 4)


def _fitting(tokens: int, context_length: int) -> int:
    return min(tokens, context_length - _beginning(context_length))
