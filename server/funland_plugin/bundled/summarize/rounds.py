"""Summarizes what a model can't read at once: its parts, then their summaries, and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from funland_plugin.bundled.asking import MOST_CHARACTERS, Question, TooLongError, by_parts
from funland_plugin.bundled.splitting import beginning

SHRINK: Final = 3
"""A part's summary is cut to this share of the part's characters: so each round has less to read
than the one before, whatever a model writes."""

Ask = Callable[[Question, list[str]], list[str]]
"""Gives a model's answers about texts; raises TooLongError."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a text."""

    text: str
    parts: int
    """How many parts of the text were read."""
    rounds: int


def summarize(text: str, whole: Question, part: Question, ask: Ask) -> Summary:
    """Asks `whole` about what can be read at once, and `part` about parts of what can't be.

    Raises:
        NoRoomError: Nothing of it can be read.
    """
    read = 1
    rounds = 1
    while True:
        if len(text) <= MOST_CHARACTERS:
            try:
                return Summary(ask(whole, [text])[0], read, rounds)
            except TooLongError:
                pass  # it has more tokens than most texts of this length

        def shortened(pieces: list[str]) -> list[str]:
            answers = ask(part, pieces)
            return [
                beginning(answer, max(len(piece) // SHRINK, 1))
                for piece, answer in zip(pieces, answers, strict=True)
            ]

        summaries = by_parts(text, shortened)
        read = len(summaries) if rounds == 1 else read
        rounds += 1
        text = "\n".join(filter(None, summaries)) or text[: len(text) // SHRINK]
