"""Notices models that push each other out of memory, again and again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW_SECONDS = 300.0
_OFTEN = 2
"""Once is a change of mind."""
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Eviction:
    """A model that left for another."""

    time: float
    """By `time.monotonic`."""
    key: str
    by: str


@dataclass(frozen=True, slots=True)
class Thrash:
    """Models each of which left for another of them, at least twice in the last minutes."""

    keys: tuple[str, ...]
    """In order."""
    evictions: int
    """How often, all together."""


def thrashing(evictions: Iterable[Eviction], now: float) -> list[Thrash]:
    """Those that push each other out, in pairs or in a ring."""
    lately = [one for one in evictions if now - one.time < WINDOW_SECONDS]
    counts = Counter((one.key, one.by) for one in lately)
    pushed: dict[str, set[str]] = {}
    for (key, by), count in counts.items():
        if count >= _OFTEN:
            pushed.setdefault(key, set()).add(by)
    reached = {key: _reached(pushed, key) for key in pushed}
    rings = {
        tuple(sorted(other for other in reached[key] if key in reached.get(other, ())))
        for key in pushed
        if key in reached[key]
    }
    return [
        Thrash(ring, sum(one.key in ring and one.by in ring for one in lately))
        for ring in sorted(rings)
    ]


def in_words(thrash: Thrash) -> str:
    """What happens, and what to do."""
    *others, last = thrash.keys
    return (
        f"{', '.join(others)} and {last} push each other out of memory, {thrash.evictions} times in"
        f" the last {WINDOW_SECONDS / 60:.0f} minutes: raise server.memory_limit_bytes if there is"
        " more, load them with a shorter context_length, fewer slots or fewer cache_tokens, or pin"
        " the one that is to stay."
    )


class Evictions:
    """Those of the last minutes."""

    def __init__(self) -> None:
        self._latest: deque[Eviction] = deque(maxlen=_KEPT)

    def note(self, now: float, key: str, by: str) -> bool:
        """Takes note of one, and says whether the two push each other out by now."""
        self._latest.append(Eviction(now, key, by))
        return any(key in one.keys and by in one.keys for one in thrashing(self._latest, now))

    def thrashing(self, now: float) -> list[Thrash]:
        """See `thrashing`."""
        return thrashing(self._latest, now)


def _reached(pushed: dict[str, set[str]], start: str) -> set[str]:
    """Whom one leads to, over any number of others."""
    found: set[str] = set()
    open_ = [start]
    while open_:
        for other in pushed.get(open_.pop(), ()):
            if other not in found:
                found.add(other)
                open_.append(other)
    return found
