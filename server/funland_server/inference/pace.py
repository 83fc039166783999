"""How fast texts are written, over all models and since the start."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic


class Pace:
    """Counts generations and their tokens. Those of one that was cut off count, itself does not."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self.generations = 0
        """How many came to their end."""
        self.seconds = 0.0
        """What they took, from arrival to end, all together."""
        self._tokens = 0
        """Those after the first of each generation: when that came, its time began."""
        self._writers = 0
        self._written = 0.0
        self._since = 0.0

    @property
    def tokens_per_second(self) -> float | None:
        """Of all generations together while any wrote, from their first tokens on; None if no
        second token was written yet."""
        seconds = self._written + (self._clock() - self._since if self._writers else 0.0)
        return self._tokens / seconds if self._tokens and seconds > 0 else None

    @contextmanager
    def generation(self) -> Generator[Generation]:
        """One, from its arrival until the block ends."""
        arrival = self._clock()
        one = Generation(self._begin)
        try:
            yield one
        finally:
            now = self._clock()
            if one.writes:
                self._tokens += one.later_tokens
                self._writers -= 1
                if not self._writers:
                    self._written += now - self._since
            if one.ended:
                self.generations += 1
                self.seconds += now - arrival

    def _begin(self) -> None:
        if not self._writers:
            self._since = self._clock()
        self._writers += 1


class Generation:
    """One that is under way."""

    def __init__(self, begin: Callable[[], None]) -> None:
        """`begin` is called with its first token."""
        self._begin = begin
        self.writes = False
        self.ended = False
        self.later_tokens = 0

    def made(self, tokens: int) -> None:
        """Takes note of tokens as they come."""
        if self.writes:
            self.later_tokens += tokens
        elif tokens:
            self.writes = True
            self._begin()

    def end(self) -> None:
        """A text of it came to its end."""
        self.ended = True
