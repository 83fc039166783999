"""What of an offer can't be had."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Warned:
    """A part of an offer that can't be had."""

    param: str
    message: str
    kind: str
    """In a word, for the log."""
