"""Decides which files leave a folder of weights for another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the folder."""

    name: str
    size_bytes: int
    last_used: float
    in_use: bool
    """Whether some worker has it open."""


def leaving(kept: Sequence[Kept], needed_bytes: int, limit_bytes: int) -> list[Kept] | None:
    """The least recently used ones without which so many bytes more stay within the limit; None if
    what is in use leaves no room. A file that is not needed to go stays."""
    over = sum(file.size_bytes for file in kept) + needed_bytes - limit_bytes
    chosen: list[Kept] = []
    for file in sorted(kept, key=lambda file: file.last_used):
        if over <= 0:
            break
        if not file.in_use and file.size_bytes:
            chosen.append(file)
            over -= file.size_bytes
    return chosen if over <= 0 else None
