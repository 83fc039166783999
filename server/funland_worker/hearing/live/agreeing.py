"""What of a text that is still heard is told: that in which two hypotheses agree."""

from __future__ import annotations

from itertools import takewhile


def pieces(text: str, *, spaced: bool) -> list[str]:
    """What a text is compared by: its words, or its characters where no spaces are between
    words."""
    return text.split() if spaced else list(text)


def agreed(before: str, now: str, *, spaced: bool) -> str:
    """The beginning of `now` that `before` has too. What stands in a word's place with another
    mark behind it, or as a capital, is the same word: the later hypothesis knows better."""
    earlier, later = pieces(before, spaced=spaced), pieces(now, spaced=spaced)
    same = takewhile(
        lambda pair: _core(pair[0]) == _core(pair[1]), zip(earlier, later, strict=False)
    )
    return (" " if spaced else "").join(later[: sum(1 for _ in same)])


def _core(piece: str) -> str:
    """The piece without what may change about it when more is heard."""
    kept = "".join(filter(str.isalnum, piece)).casefold()
    return kept or piece
