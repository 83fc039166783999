"""A value that may change while it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Live(Generic[T]):
    """Whoever decides by it asks what it is `now`, each time; nobody keeps a copy.

    ```python
    settings = Live(ServerSettings())
    limits = settings.map(lambda now: now.queue_limit)
    settings.put(ServerSettings(queue_limit=8))
    assert limits.now == 8
    ```
    """

    def __init__(self, now: T) -> None:
        self._now = now
        self._told: list[Callable[[T], None]] = []

    @property
    def now(self) -> T:
        """What it is."""
        return self._now

    def put(self, now: T) -> None:
        """Changes it; what depends on it has changed too on return."""
        self._now = now
        for tell in self._told:
            tell(now)

    def tell(self, told: Callable[[T], None]) -> None:
        """Calls a function after each change, in the order in which they were named here."""
        self._told.append(told)

    def map(self, of: Callable[[T], U]) -> Live[U]:
        """What is made of it: once now, then after each change. Who is told of that hears only
        when it has become another."""
        made = Live(of(self._now))

        def follow(now: T) -> None:
            if (anew := of(now)) != made.now:
                made.put(anew)

        self.tell(follow)
        return made
