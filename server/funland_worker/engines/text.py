"""Turns the bytes of tokens into text to send: whole characters, nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """The text of one sequence, as its tokens come.

    Bytes that end within a character wait for the rest, and text that may be the beginning of a
    stop string waits until it is clear. Bytes that can't be UTF-8 become U+FFFD. How the bytes are
    cut into pieces makes no difference: the stop string that is complete first counts.
    """

    def __init__(self, stop: Sequence[str] = (), *, include_stop: bool = False) -> None:
        """`include_stop`: the stop string that came is the text's last part."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = stop
        self._include_stop = include_stop
        self._held = ""
        self.stop: str | None = None
        """The stop string that came; then there is no more text."""

    @property
    def stopped(self) -> bool:
        """Whether a stop string came."""
        return self.stop is not None

    def feed(self, piece: bytes) -> str:
        """Takes a token's bytes and gives the text that is now certain."""
        return self._release(self._decoder.decode(piece))

    def finish(self) -> str:
        """Gives what was held back, when no more tokens come."""
        text = self._release(self._decoder.decode(b"", final=True))
        held, self._held = self._held, ""
        return text if self.stopped else text + held

    def _release(self, text: str) -> str:
        if self.stopped or not self._stop:
            return "" if self.stopped else text
        text = self._held + text
        match = _first_match(text, self._stop)
        if match is not None:
            self._held = ""
            begin, end = match
            self.stop = text[begin:end]
            return text[: end if self._include_stop else begin]
        safe = len(text) - _longest_beginning(text, self._stop)
        self._held = text[safe:]
        return text[:safe]


def _first_match(text: str, stop: Sequence[str]) -> tuple[int, int] | None:
    """Where the stop string begins and ends that is complete first; of several, the longest."""
    found = [(begin + len(word), begin) for word in stop if (begin := text.find(word)) >= 0]
    if not found:
        return None
    end, begin = min(found)
    return begin, end


def _longest_beginning(text: str, stop: Sequence[str]) -> int:
    """How many characters at the end of `text` may begin a stop string."""
    longest = min(len(text), max(map(len, stop)) - 1)
    for length in range(longest, 0, -1):
        if any(word.startswith(text[-length:]) for word in stop):
            return length
    return 0
