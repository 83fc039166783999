"""English as phonemes, in the alphabet of Kokoro, by the rules that Hibari brings."""

from __future__ import annotations

from threading import Lock
from typing import Any

from funland_worker.speech.english import readable


class EnglishPhonemes:
    """Reads one kind of English; what that takes is loaded by the first text."""

    def __init__(self, *, british: bool) -> None:
        self._british = british
        self._reader: Any = None
        self._lock = Lock()

    def __call__(self, text: str) -> str:
        """The phonemes of a sentence that `english` finds sayable."""
        with self._lock:
            if self._reader is None:
                from hibari.g2p import G2P  # noqa: PLC0415 - only where it reads

                self._reader = G2P(british=self._british)
            return str(self._reader(readable(text)) or "")


def cut(said: str, most: int) -> list[str]:
    """The phonemes of a sentence in parts of at most so many, cut at spaces where there are any:
    numbers in words are much longer than they are written."""
    parts: list[str] = []
    while len(said) > most:
        space = said.rfind(" ", most // 2, most)
        end = space + 1 if space >= 0 else most
        parts.append(said[:end])
        said = said[end:]
    return [*parts, said] if said else parts
