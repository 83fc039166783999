"""Keeps the keys and values of token sequences outside of llama.cpp's cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.prefix_tree import PrefixTree
from funland_worker.engines.llama_cpp.cache.room import Room
from funland_worker.engines.llama_cpp.cache.state import State

SHORTEST = 32
"""Tokens under which a state costs more to keep than to compute."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A state, and the tokens that it is of."""

    tokens: list[int]
    state: State
    lasting: bool = False
    """Whether it may outlive the process."""


class Spill(Protocol):
    """Where states go that memory has no room for."""

    def put(self, uses: Uses, kept: Kept) -> None:
        """Takes a state; may forget it at any time."""
        ...

    def longest(self, uses: Uses, tokens: Sequence[int], longer_than: int) -> Kept | None:
        """The state that shares the longest beginning with `tokens`, if that is longer."""
        ...

    def takes(self, *, lasting: bool) -> bool:
        """Whether it wants such a state at all."""
        ...

    def put_away(self, states: Iterable[tuple[Uses, Kept]]) -> None:
        """Takes states before the process ends, the most recently used first, as many as it has
        room for; when it returns, they are written."""
        ...


class StateStore:
    """States in memory, the least recently used given up when there is no room (`room.Room`)."""

    def __init__(
        self,
        limit: int,
        spill: Spill | None = None,
        *,
        entire: bool = False,
        first: int | None = None,
    ) -> None:
        """It takes at most `limit` bytes, but no more than `first` until more is seen to help. With
        `entire` states can't be cut: only texts that begin with all of one can have it."""
        self._limit = limit
        self._room = Room(limit if first is None else first, limit)
        self._spill = spill
        self._entire = entire
        self._bytes = 0
        self._trees: dict[Uses, PrefixTree[int]] = {}
        self._kept: OrderedDict[int, tuple[Uses, Kept]] = OrderedDict()
        """By number, least recently used first."""
        self._since: dict[int, int] = {}
        """When each was put in or used, as `Room` counts."""
        self._numbers = 0

    def put(
        self, uses: Uses, tokens: list[int], save: Callable[[], State], *, lasting: bool
    ) -> None:
        """Keeps the state of `tokens`, which `save` copies, if it is new and there is room.

        One that it continues is given up if this has all that one had: if it can be cut.
        """
        if len(tokens) < SHORTEST or (self._limit == 0 and self._spill is None):
            return
        tree = self._trees.get(uses)
        known = tree.best(tokens, entire=self._entire) if tree else None
        if known is not None and known.length == len(tokens):
            self._use(known.key)
            return
        kept = Kept(tokens, save(), lasting)
        since = self._room.took(kept.state.size)
        if kept.state.size > self._room.bytes:
            self._give_up(uses, kept, since)
            return
        continued = known is not None and known.length == len(self._kept[known.key][1].tokens)
        if known is not None and continued and not self._entire:
            self._remove(known.key)
        self._numbers += 1
        self._trees.setdefault(uses, PrefixTree()).insert(tokens, self._numbers)
        self._kept[self._numbers] = (uses, kept)
        self._since[self._numbers] = since
        self._bytes += kept.state.size
        while self._bytes > self._room.bytes:
            if self._room.stretched():
                continue
            oldest = next(iter(self._kept))
            self._give_up(*self._kept[oldest], self._since[oldest])
            self._remove(oldest)

    def longest(self, uses: Uses, tokens: Sequence[int], longer_than: int) -> Kept | None:
        """The state that shares the longest beginning with `tokens`, if that is longer."""
        found: Kept | None = None
        tree = self._trees.get(uses)
        match = tree.best(tokens, entire=self._entire) if tree else None
        if match is not None and match.length > longer_than:
            self._use(match.key)
            found, longer_than = self._kept[match.key][1], match.length
        self._room.looked_for(uses, tokens, longer_than, entire=self._entire)
        spilled = self._spill.longest(uses, tokens, longer_than) if self._spill else None
        return spilled or found

    def all(self, uses: Uses) -> list[Kept]:
        """The states in memory of texts with these adapters, the most recently used first."""
        return [kept for used, kept in reversed(self._kept.values()) if used == uses]

    def put_away(self, others: Iterator[tuple[Uses, Kept]]) -> None:
        """Writes what may outlive the process: first `others`, which are copied only as they are
        asked for, then what is kept here, in both the most recently used first."""
        if self._spill is not None:
            self._spill.put_away(chain(others, reversed(self._kept.values())))

    def wants(self, tokens: list[int], *, lasting: bool) -> bool:
        """Whether a state is worth to be put away."""
        spill = self._spill
        return spill is not None and len(tokens) >= SHORTEST and spill.takes(lasting=lasting)

    def _use(self, number: int) -> None:
        self._kept.move_to_end(number)
        self._since[number] = self._room.took(self._kept[number][1].state.size, used=True)

    def _give_up(self, uses: Uses, kept: Kept, since: int) -> None:
        self._room.gave_up(uses, kept.tokens, since)
        self._spill_over(uses, kept)

    def _spill_over(self, uses: Uses, kept: Kept) -> None:
        if self._spill is not None and self._spill.takes(lasting=kept.lasting):
            self._spill.put(uses, kept)

    def _remove(self, number: int) -> None:
        uses, kept = self._kept.pop(number)
        del self._since[number]
        self._bytes -= kept.state.size
        tree = self._trees[uses]
        tree.remove(number)
        if tree.size == 0:
            del self._trees[uses]
