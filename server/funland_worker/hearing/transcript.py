"""A transcript of what was heard in parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from funland_worker.hearing.listener import Segment


def joined(texts: Sequence[str], *, spaced: bool) -> str:
    """A transcript of the texts of its parts."""
    return (" " if spaced else "").join(texts)


def moved(segments: Iterable[Segment], seconds: float) -> tuple[Segment, ...]:
    """Segments of a part that begins so many seconds later, with their times in the whole."""
    return tuple(
        replace(
            one,
            start=one.start + seconds,
            end=one.end + seconds,
            words=tuple(
                replace(word, start=word.start + seconds, end=word.end + seconds)
                for word in one.words
            ),
        )
        for one in segments
    )
