"""Numbers the events of a streamed response, so that a stream can be taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from funland_gateway.dialects.dialect import Named


class NumberedEvents:
    """The SSE events of one response, without those that the caller has but for the last.

    A response that is made in the background can be followed again from any number. So its events'
    numbers are the same however the text is cut into deltas: a delta has that of its last
    character. In other streams the numbers have no gaps, as OpenAI's.
    """

    def __init__(self, after: int | None) -> None:
        self._after = -1 if after is None else after
        self._number = 0
        self.resumable = False
        """Whether the response is made in the background."""

    def next(self, kind: str, values: Mapping[str, Any]) -> Iterator[Named]:
        """The next event, unless the caller has it."""
        if self._number > self._after:
            yield self._made(kind, values)
        self._number += 1

    def last(self, kind: str, values: Mapping[str, Any]) -> Named:
        """The last event, whatever the caller has: it may have seen text that a crash has lost."""
        self._number = max(self._number, self._after + 1)
        return self._made(kind, values)

    def unseen(self, text: str) -> str:
        """What the caller lacks of a text that is not empty; the next event must be its delta."""
        if not self.resumable:
            return text
        self._number += len(text) - 1
        lacking = self._number - self._after
        return text[-lacking:] if 0 < lacking < len(text) else text

    def _made(self, kind: str, values: Mapping[str, Any]) -> Named:
        return Named(kind, orjson.dumps({"type": kind, "sequence_number": self._number, **values}))
