"""Finds runs of a prompt's tokens in texts that are known, wherever they stand there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_PLACES = 8
"""Places where the same block stands that are looked at."""
_MOST_TRIES = 1024
"""Places of a prompt that are looked at in vain."""

_FACTOR = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse among numbers of 64 bits."""

_Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens that a prompt and a known text have in common."""

    at: int
    """Where it begins in the prompt."""
    length: int
    text: int
    """Which of the known texts it is of."""
    begin: int
    """Where it begins there."""

    @property
    def end(self) -> int:
        """Behind which of the prompt's tokens it ends."""
        return self.at + self.length


def find(
    prompt: Sequence[int], start: int, texts: Sequence[Sequence[int]], least: int
) -> list[Run]:
    """The runs of at least `least` tokens of a prompt that known texts have too, from `start` on,
    in order. The prompt's last token is in none: it must be computed.

    Texts are cut into blocks of half of `least`, so that each run has a whole one; where a block
    may stand in the prompt tells a sum over its tokens that moves along with it.
    """
    block = least // 2
    tokens = np.array(prompt[:-1], np.int64)
    known = [np.array(text, np.int64) for text in texts]
    places = _places(known, block)
    if not places or len(tokens) < start + least:
        return []
    sums = _sums(tokens, block)
    candidates = np.flatnonzero(np.isin(sums, np.fromiter(places, np.uint64, len(places))))
    runs: list[Run] = []
    at, tries = start, 0
    for candidate in candidates.tolist():
        if candidate < at or tries == _MOST_TRIES:
            continue
        found: list[Run] = []
        for text, begin in places[int(sums[candidate])]:
            behind, ahead = _grown(tokens[at:], known[text], candidate - at, begin)
            found.append(Run(candidate - behind, behind + ahead, text, begin - behind))
        best = max(found, key=lambda run: run.length)
        if best.length >= least:
            runs.append(best)
            at = best.end
        else:
            tries += 1
    return runs


def _places(texts: Sequence[NDArray[np.int64]], block: int) -> dict[int, list[tuple[int, int]]]:
    """Where blocks are, by the sum over their tokens: which text, and where it begins there."""
    places: dict[int, list[tuple[int, int]]] = {}
    for number, text in enumerate(texts):
        for place, value in enumerate(_sums(text, block)[::block].tolist()):
            same = places.setdefault(value, [])
            if len(same) < _MOST_PLACES:
                same.append((number, place * block))
    return places


def _sums(tokens: NDArray[np.int64], block: int) -> _Numbers:
    """A number for each run of `block` tokens, the same for the same tokens."""
    count = len(tokens)
    if count < block:
        return np.empty(0, np.uint64)
    powers = np.cumprod(np.full(count, _FACTOR, np.uint64), dtype=np.uint64)
    back = np.cumprod(np.full(count, pow(_FACTOR, -1, 1 << 64), np.uint64), dtype=np.uint64)
    total = np.concatenate((np.zeros(1, np.uint64), np.cumsum(tokens.astype(np.uint64) * powers)))
    return (total[block:] - total[:-block]) * back[: count - block + 1]


def _grown(
    tokens: NDArray[np.int64], text: NDArray[np.int64], candidate: int, begin: int
) -> tuple[int, int]:
    """How many tokens two texts have in common before places of theirs, and from these on."""
    after, before = min(len(tokens) - candidate, len(text) - begin), min(candidate, begin)
    ahead = _alike(tokens[candidate : candidate + after], text[begin : begin + after])
    behind = _alike(
        tokens[candidate - before : candidate][::-1], text[begin - before : begin][::-1]
    )
    return behind, ahead


def _alike(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """How many of the first tokens are the same."""
    differ = np.flatnonzero(one != other)
    return int(differ[0]) if len(differ) else len(one)
