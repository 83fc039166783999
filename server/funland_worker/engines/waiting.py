"""The texts that wait for an engine, in the order in which they begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engines.continuation import Continuation

_RANKS = {GenerationOptions.HIGH: 0, GenerationOptions.NORMAL: 1, GenerationOptions.LOW: 2}
_PRECISE = 16
"""Up to this place every change is told; further back, each that is a tenth or more."""

Text = TypeVar("Text", bound=Continuation)


class WaitingQueue(Generic[Text]):
    """Texts by priority, and in each priority by arrival."""

    def __init__(self) -> None:
        self._ranks: tuple[deque[Text], ...] = tuple(deque() for _ in _RANKS)
        self._changed = False

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._ranks))

    @property
    def background(self) -> int:
        """How many of them nobody waits for."""
        return len(self._ranks[_RANKS[GenerationOptions.LOW]])

    def __iter__(self) -> Iterator[Text]:
        """Who waits, the next first; nobody may come or go meanwhile."""
        for rank in self._ranks:
            yield from rank

    def add(self, text: Text) -> None:
        """Puts one behind all others of its priority."""
        self._rank(text).append(text)
        self._changed = True

    def put_back(self, text: Text) -> None:
        """Puts one that had begun before all others of its priority."""
        self._rank(text).appendleft(text)

    def next(self) -> Text | None:
        """Who is the next, left where it is."""
        return next(iter(self), None)

    def remove(self, text: Text) -> None:
        """Takes one out."""
        self._rank(text).remove(text)
        self._changed = True

    def cancel(self, sequence_id: int) -> list[Text]:
        """Takes all texts of a sequence out, and gives them."""
        texts = [text for text in self if text.id == sequence_id]
        for text in texts:
            self.remove(text)
        return texts

    def moved(self) -> tuple[tuple[int, int], ...]:
        """The sequences whose place has changed since they were last told, and that place: 1 is
        the next.

        Only sequences none of whose texts has begun have a place, and only they are counted.
        """
        told: list[tuple[int, int]] = []
        if not self._changed:
            return ()
        self._changed = False
        place = 0
        for text in self:
            if text.prompt.choice or text.begun:
                continue
            place += 1
            before = text.told_position
            change = abs(place - before)
            if change and (place <= _PRECISE or not before or 10 * change >= before):
                text.told_position = place
                told.append((text.id, place))
        return tuple(told)

    def _rank(self, text: Text) -> deque[Text]:
        return self._ranks[_RANKS[text.priority]]
