"""Makes words of tokens, and finds their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from funland_worker.hearing.listener import Word
from funland_worker.hearing.recogniser import Aligned
from funland_worker.hearing.tokens import SECONDS_A_STEP

_OPENING: Final = "\"'“¿([{-「『（《〈"
_CLOSING: Final = "\"'.。,，!！?？:：;；”)]}、」』）》〉…"


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens that are a word."""

    text: str
    """With the space before it, if it has one."""
    tokens: int


def grouped(
    tokens: Sequence[int], piece: Callable[[Sequence[int]], bytes], *, spaced: bool
) -> list[Group]:
    """The words of a text: parted at spaces, else at whole characters. Punctuation belongs to the
    word that it stands at."""
    whole: list[Group] = []
    open_: list[int] = []
    for token in tokens:
        open_.append(token)
        try:
            text = piece(open_).decode()
        except UnicodeDecodeError:  # amid a character
            continue
        whole.append(Group(text, len(open_)))
        open_ = []
    if open_:
        whole.append(Group(piece(open_).decode(errors="replace"), len(open_)))
    words: list[Group] = []
    for group in whole:
        begins = not spaced or group.text.startswith(" ") or not words
        if begins:
            words.append(group)
        else:
            words[-1] = _joined(words[-1], group)
    return _punctuated(words)


def timed(groups: Sequence[Group], aligned: Aligned, seconds: float) -> list[Word]:
    """The words with their times; `seconds` is where the sound ends."""
    begins = _begins(aligned, sum(group.tokens for group in groups))
    words: list[Word] = []
    place = 0
    for group in groups:
        end_place = place + group.tokens
        start = min(begins[place], seconds)
        end = min(begins[end_place], seconds) if end_place < len(begins) else seconds
        likely = aligned.probabilities[place:end_place]
        words.append(
            Word(
                group.text.strip(),
                start,
                max(start, end),
                sum(likely) / len(likely) if likely else None,
            )
        )
        place = end_place
    return words


def _begins(aligned: Aligned, count: int) -> list[float]:
    """When each token begins, and behind them the text's end, in seconds."""
    first: dict[int, float] = {}
    for token, frame in aligned.pairs:
        first.setdefault(token, frame * SECONDS_A_STEP)
    begins: list[float] = []
    for token in range(count):
        begins.append(first.get(token, begins[-1] if begins else 0.0))
    last = aligned.pairs[-1][1] * SECONDS_A_STEP if aligned.pairs else 0.0
    begins.append(first.get(count, last))
    return begins


def _punctuated(words: list[Group]) -> list[Group]:
    joined: list[Group] = []
    held: Group | None = None
    for word in words:
        mark = word.text.strip()
        if held is not None:
            word, held = _joined(held, word), None  # noqa: PLW2901 - it is that word now
        elif mark and all(letter in _OPENING for letter in mark) and word.text[:1] == " ":
            held = word
            continue
        elif joined and (not mark or all(letter in _CLOSING for letter in mark)):
            joined[-1] = _joined(joined[-1], word)
            continue
        joined.append(word)
    return [*joined, held] if held is not None else joined


def _joined(one: Group, other: Group) -> Group:
    return Group(one.text + other.text, one.tokens + other.tokens)
