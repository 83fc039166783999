"""The texts that wait for a slot, in the order in which they get one."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from typing import Generic, TypeVar

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engines.continuation import Continuation
from funland_worker.engines.protocol import EngineError

_RETRY_SECONDS = 1.0

Text = TypeVar("Text", bound=Continuation)


class WaitingLine(Generic[Text]):
    """By priority, then by the time that they began to wait. At most `limit` sequences wait beyond
    those that have a slot at once; 0: any number."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line: list[Text] = []
        self._told: dict[int, int] = {}

    def __len__(self) -> int:
        """How many texts wait."""
        return len(self._line)

    def __iter__(self) -> Iterator[Text]:
        """They as they are now, the next first."""
        return iter(tuple(self._line))

    def add(self, text: Text, free_slots: int) -> None:
        """Puts a text in its place.

        Raises:
            EngineError: QUEUE_FULL.
        """
        ids = {waiting.id for waiting in self._line}
        if self._limit and text.id not in ids and len(ids) >= self._limit + free_slots:
            raise EngineError(
                ErrorReason.QUEUE_FULL,
                f"{self._limit} calls wait for this model already.",
                retry_seconds=_RETRY_SECONDS,
                queue_limit=str(self._limit),
            )
        self.put_back(text)

    def put_back(self, text: Text) -> None:
        """Puts a text in its place that had a slot before."""
        insort(self._line, text, key=_place)

    def remove(self, text: Text) -> None:
        """Takes a text out."""
        self._line.remove(text)

    def cancel(self, sequence_id: int) -> None:
        """Takes all texts of a sequence out, if there are any."""
        self._line = [text for text in self._line if text.id != sequence_id]
        self._told.pop(sequence_id, None)

    def moved(self) -> tuple[tuple[int, int], ...]:
        """The sequences none of whose texts has begun and whose place changed since the last time,
        and that place: 1 is the next."""
        order = dict.fromkeys(text.id for text in self._line if text.started is None)
        places = {sequence_id: place for place, sequence_id in enumerate(order, 1)}
        moved = tuple(
            (sequence_id, place)
            for sequence_id, place in places.items()
            if self._told.get(sequence_id) != place
        )
        self._told = places
        return moved


def _place(text: Continuation) -> tuple[int, float, int]:
    urgency = text.prompt.priority or GenerationOptions.NORMAL
    return -urgency, text.since, text.prompt.choice
