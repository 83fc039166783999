"""Guesses that a text goes on as it did where the same tokens stood before."""

from __future__ import annotations

_LONGEST = 4
_SHORTEST = 2


class Lookup:
    """One text's tokens, by the few that come before each of them."""

    def __init__(self) -> None:
        self._ends: dict[tuple[int, ...], int] = {}
        """For each run of tokens where it last ended, before the end of the text."""
        self._known = 0

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """What followed the latest earlier place that ends as `tokens` do; longer runs count
        more. What came since then is taken to come again and again. `tokens` must begin with those
        of the call before."""
        self._learn(tokens)
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            place = self._ends.get(tuple(tokens[-length:]))
            if place is not None:
                since = tokens[place : place + most]
                return (since * (most // len(since) + 1))[:most]
        return []

    def _learn(self, tokens: list[int]) -> None:
        for end in range(self._known, len(tokens)):
            for length in range(_SHORTEST, _LONGEST + 1):
                if length <= end:
                    self._ends[tuple(tokens[end - length : end])] = end
        self._known = len(tokens)
