"""Decides whether what was decoded of a window is what was said, and what to try else."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

MOST_COMPRESSION: Final = 2.4
"""A text that compresses better repeats itself."""
_LEAST_LOGPROB: Final = -1.0
_NO_SPEECH: Final = 0.6
_SURELY_NO_SPEECH: Final = 0.85
_DOUBTED_LOGPROB: Final = -0.45
_WARMER: Final = 0.4
_WARMEST: Final = 0.8
_SHORT_TEXT: Final = 24
"""Bytes: the header of what is compressed would tell more than the text."""
_SAID_AGAIN: Final = 5
"""Letters: what is shorter, people do say twice."""
_FEWEST: Final = 16
_TOKENS_A_SECOND: Final = 14.0
"""More than anyone speaks, in scripts of which a character takes three tokens too."""
_USUAL_TOKENS_A_SECOND: Final = 7.0
"""More than most speak."""
_CHARACTERS_A_SECOND: Final = 40.0
"""Twice as many as who speaks fast."""
_FEW_CHARACTERS: Final = 10
"""The times of short words are not exact."""
MOST_TOKENS: Final = 224
"""Of a window: half of what the network can look back on, as it was trained."""


class Verdict(Enum):
    """What to do with what was decoded."""

    ACCEPTED = "accepted"
    SILENT = "silent"
    """Nobody speaks there, so nothing of it counts."""
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Result:
    """What was decoded of a window, as far as it is judged by."""

    text: str
    tokens: int
    average_logprob: float
    no_speech_probability: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a window is decoded."""

    temperature: float
    whole: bool
    """In the 30 seconds that the network was trained for, whatever of them has sound."""


def compression_ratio(text: str) -> float:
    """How many times smaller a text is when it is compressed; 0 for an empty one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def token_limit(seconds: float) -> int:
    """How many tokens a window of so many seconds may have: beyond that it has run away."""
    return min(MOST_TOKENS, int(_FEWEST + _TOKENS_A_SECOND * seconds))


def usual_tokens(seconds: float) -> int:
    """How many tokens a window of so many seconds has mostly, at most."""
    return int(_FEWEST + _USUAL_TOKENS_A_SECOND * seconds)


def goes_on(result: Result, limit: int) -> bool:
    """Whether a result that could have had `limit` tokens is the beginning of what is said: it was
    cut off, and does not repeat itself, as it would for ever."""
    return result.tokens >= limit and compression_ratio(result.text) <= MOST_COMPRESSION


def judged(result: Result, limit: int, *, whole: bool) -> Verdict:
    """What to do with a result that could have had `limit` tokens; `whole` as of its attempt."""
    no_speech = result.no_speech_probability
    if no_speech > _NO_SPEECH and result.average_logprob < _LEAST_LOGPROB:
        return Verdict.SILENT
    if no_speech > _SURELY_NO_SPEECH and result.average_logprob < _DOUBTED_LOGPROB:
        return Verdict.SILENT
    ran_away = result.tokens >= limit
    long = len(result.text.encode()) >= _SHORT_TEXT
    repeats = long and compression_ratio(result.text) > MOST_COMPRESSION
    if not whole and ends_twice(result.text):
        return Verdict.AGAIN
    if ran_away or repeats or result.average_logprob < _LEAST_LOGPROB:
        return Verdict.AGAIN
    return Verdict.ACCEPTED


def next_attempt(tried: Attempt) -> Attempt | None:
    """What to try after an attempt that was not accepted; None: nothing is left.

    First the window that the network knows, then more chance: what repeats itself does so for ever
    without.
    """
    if not tried.whole:
        return Attempt(tried.temperature, whole=True)
    warmer = round(tried.temperature + _WARMER, 6)
    return Attempt(warmer, whole=True) if warmer <= _WARMEST else None


def usable(result: Result, limit: int) -> bool:
    """Whether a result counts though nothing better was found: not one that repeats itself, or has
    run away, or that the model takes for silence."""
    if result.no_speech_probability > _NO_SPEECH or result.tokens >= limit:
        return False
    return compression_ratio(result.text) <= MOST_COMPRESSION


def ends_twice(text: str) -> bool:
    """Whether a text ends with the same words twice: a short window makes the network write again
    what it has just written, once, which compresses no better than what people say. In the whole
    window it does not, so what is there twice was said twice."""
    letters = "".join(filter(str.isalnum, text.lower()))
    return any(
        letters.endswith(letters[-2 * size : -size])
        for size in range(_SAID_AGAIN, len(letters) // 2 + 1)
    )


def sayable(text: str, seconds: float) -> bool:
    """Whether anyone can say so much in that time. What the network makes up of the silence behind
    a sound, the last sentence once more mostly, stands in the little that is left of it."""
    return len(text) <= _FEW_CHARACTERS + _CHARACTERS_A_SECOND * seconds
