"""Who waits for a part of the cache, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engines.llama_cpp.sequence import Generation

_RANKS = {GenerationOptions.HIGH: 0, GenerationOptions.NORMAL: 1, GenerationOptions.LOW: 2}
_PRECISE = 16
"""Up to this place every change is told; further back, each that is a tenth or more."""


class WaitingQueue:
    """Texts by priority, and in each priority by arrival."""

    def __init__(self) -> None:
        self._ranks: tuple[deque[Generation], ...] = tuple(deque() for _ in _RANKS)
        self._changed = False

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._ranks))

    def __iter__(self) -> Iterator[Generation]:
        """Who waits, the next first."""
        for rank in self._ranks:
            yield from rank

    def add(self, generation: Generation) -> None:
        """Puts one behind all others of its priority."""
        self._rank(generation).append(generation)
        self._changed = True

    def put_back(self, generation: Generation) -> None:
        """Puts one that had begun before all others of its priority."""
        self._rank(generation).appendleft(generation)

    def next(self) -> Generation | None:
        """Who is the next, left where it is."""
        return next(iter(self), None)

    def remove(self, generation: Generation) -> None:
        """Takes one out."""
        self._rank(generation).remove(generation)
        self._changed = True

    def moved(self) -> tuple[tuple[int, int], ...]:
        """The sequences whose place has changed since they were last told, and that place.

        Only sequences none of whose texts has begun have a place, and only they are counted.
        """
        told: list[tuple[int, int]] = []
        if not self._changed:
            return ()
        self._changed = False
        place = 0
        for generation in self:
            if generation.prompt.choice or generation.begun:
                continue
            place += 1
            before = generation.told_position
            change = abs(place - before)
            if change and (place <= _PRECISE or not before or 10 * change >= before):
                generation.told_position = place
                told.append((generation.prompt.sequence_id, place))
        return tuple(told)

    def _rank(self, generation: Generation) -> deque[Generation]:
        return self._ranks[_RANKS[generation.priority]]
