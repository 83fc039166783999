"""Cuts what was decoded of a window into segments, and says how much of it they cover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_LENGTHS: Final = (5.0, 10.0, 15.0, 20.0, 30.0)
"""Seconds: few, so that windows that come together are often of one length."""
_MARGIN: Final = 1.0
"""A window that just holds its sound makes the network repeat itself."""
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """A segment of a window; times in seconds from where it begins."""

    start: float
    end: float
    tokens: tuple[int, ...]
    """Without timestamps."""


def window_seconds(sound: float, *, whole: bool) -> float:
    """How long a window has to be for so many seconds of sound, silence behind it included."""
    if whole:
        return _LENGTHS[-1]
    return next((one for one in _LENGTHS if one >= sound + _MARGIN), _LENGTHS[-1])


def cut(
    tokens: Sequence[int], first_time: int, at: Callable[[int], float], sound: float, *, last: bool
) -> tuple[list[Cut], float]:
    """The segments of a window with `sound` seconds of sound, and how many of these they cover.

    Timestamps, which are the tokens from `first_time` on and say the seconds `at` which they are,
    stand in pairs between segments. What stands behind the last pair is cut off where the sound
    goes on, and heard again; of the `last` window it counts.
    """
    times = [token >= first_time for token in tokens]
    pairs = [place for place in range(1, len(tokens)) if times[place] and times[place - 1]]
    ended = len(times) >= _PAIR and times[-1] and not times[-2]
    if not pairs:
        told = [at(token) for token, time in zip(tokens, times, strict=True) if time]
        start = told[0] if told else 0.0
        end = told[-1] if told and told[-1] > start else sound
        return _kept([_part(tokens, times, start, end, sound)]), sound
    parts: list[Cut] = []
    place = 0
    ends = [*pairs, len(tokens)] if ended or last else pairs
    for end in ends:
        part, marks = tokens[place:end], times[place:end]
        told = [at(token) for token, time in zip(part, marks, strict=True) if time]
        start = told[0] if told else 0.0
        parts.append(_part(part, marks, start, told[-1] if len(told) > 1 else sound, sound))
        place = end
    covered = sound if ended or last else min(at(tokens[pairs[-1] - 1]), sound)
    return _kept(parts), covered if covered > 0 else sound


def _part(
    tokens: Sequence[int], times: Sequence[bool], start: float, end: float, sound: float
) -> Cut:
    text = tuple(token for token, time in zip(tokens, times, strict=True) if not time)
    start = min(start, sound)
    return Cut(start, max(start, min(end, sound)), text)


def _kept(parts: list[Cut]) -> list[Cut]:
    """Those that have text."""
    return [part for part in parts if part.tokens]
