"""How much was done with a key, and whether more may be: pure but for what it remembers."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from funland.v1.auth_pb2 import KeyLimits, KeyUsage
from funland_server.identity import Rate

_MINUTE: Final = 60.0
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that is reached."""

    limit: str
    """The field of `KeyLimits`."""
    value: int
    seconds: float
    """Until another try may succeed."""


@dataclass(slots=True)
class Window:
    """Amounts of the last minute."""

    _parts: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    _total: int = 0

    def add(self, amount: int, now: float) -> None:
        """Something was taken."""
        if self._parts and now - self._parts[-1][0] < 1:
            when, before = self._parts[-1]
            self._parts[-1] = (when, before + amount)
        else:
            self._parts.append((now, amount))
        self._total += amount

    def total(self, now: float) -> int:
        """What was taken in the last minute, to the second."""
        while self._parts and now - self._parts[0][0] >= _MINUTE:
            self._total -= self._parts.popleft()[1]
        return self._total

    def frees(self, now: float) -> float:
        """After how many seconds some of it counts no longer."""
        return max(0.0, self._parts[0][0] + _MINUTE - now) if self._parts else 0.0


@dataclass(slots=True)
class Taken:
    """What was done with one key. `now` are seconds since 1970."""

    requests: Window = field(default_factory=Window)
    tokens: Window = field(default_factory=Window)
    day: int = 0
    tokens_of_day: int = 0
    running: int = 0

    def begin(self, limits: KeyLimits, now: float) -> Refusal | None:
        """Counts a call that begins, or says why it may not."""
        refusal = self._refusal(limits, now)
        if refusal is None:
            self.requests.add(1, now)
            self.running += 1
        return refusal

    def end(self) -> None:
        """A call that began is over."""
        self.running -= 1

    def took(self, tokens: int, now: float) -> None:
        """Tokens were read or written."""
        self._roll(now)
        self.tokens.add(tokens, now)
        self.tokens_of_day += tokens

    def rate(self, limits: KeyLimits, now: float) -> Rate | None:
        """How many calls may begin after the next; None: as many as one likes."""
        limit = limits.requests_per_minute
        if not limit:
            return None
        remaining = max(0, limit - self.requests.total(now) - 1)
        return Rate(limit, remaining, math.ceil(now + (self.requests.frees(now) or _MINUTE)))

    def usage(self, now: float) -> KeyUsage:
        """As callers see it."""
        self._roll(now)
        return KeyUsage(
            requests_in_minute=self.requests.total(now),
            tokens_in_minute=self.tokens.total(now),
            tokens_in_day=self.tokens_of_day,
            concurrent_requests=self.running,
        )

    def _refusal(self, limits: KeyLimits, now: float) -> Refusal | None:
        self._roll(now)
        reached = (
            ("concurrent_requests", self.running, limits.concurrent_requests, 1.0),
            (
                "requests_per_minute", self.requests.total(now), limits.requests_per_minute,
                self.requests.frees(now),
            ),
            (
                "tokens_per_minute", self.tokens.total(now), limits.tokens_per_minute,
                self.tokens.frees(now),
            ),
            (
                "tokens_per_day", self.tokens_of_day, limits.tokens_per_day,
                (self.day + 1) * _DAY - now,
            ),
        )  # fmt: skip
        for name, taken, limit, seconds in reached:
            if limit and taken >= limit:
                return Refusal(name, limit, seconds)
        return None

    def _roll(self, now: float) -> None:
        if (today := int(now // _DAY)) != self.day:
            self.day, self.tokens_of_day = today, 0
