"""How fast texts were written, by when their tokens came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_FEWEST = 2


class Arrival(NamedTuple):
    """Tokens of a text that came at a time, in seconds."""

    at: float
    tokens: int


def written(texts: Sequence[Sequence[Arrival]]) -> tuple[int, float] | None:
    """How many tokens all texts together wrote in how many seconds; None if too little came yet.

    The time counts in which all of them wrote: from the last one's first token to the first one's
    last. If there is no such time, because the engine runs fewer at once, it is all from the first
    token to the last. Tokens that came when it began were made before.
    """
    if any(len(text) < _FEWEST for text in texts):
        return None
    begin = max(text[0].at for text in texts)
    end = min(text[-1].at for text in texts)
    if end <= begin:
        begin = min(text[0].at for text in texts)
        end = max(text[-1].at for text in texts)
    tokens = sum(each.tokens for text in texts for each in text if begin < each.at <= end)
    return (tokens, end - begin) if tokens else None


def as_a_whole(texts: Sequence[Sequence[Arrival]], seconds: float) -> tuple[int, float] | None:
    """The same of all the time that a short wave took, where a busy server read all that came of a
    text at once; None if nothing came."""
    tokens = sum(each.tokens for text in texts for each in text)
    return (tokens, seconds) if tokens else None
