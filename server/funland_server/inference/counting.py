"""Counts the tokens of a generation for who asked for it, however it ends."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.identity import Identity


class Counted:
    """The tokens of one generation: those of its prompt once, and those of all its texts."""

    def __init__(self) -> None:
        self._prompt = 0
        self._made = 0
        self._finished = 0

    def made(self, tokens: int) -> None:
        """So many more were made."""
        self._made += tokens

    def finished(self, event: SequenceEvent) -> None:
        """A text is whole."""
        usage = event.finish.usage
        self._finished += usage.completion_tokens
        if event.choice == 0:
            self._prompt = usage.prompt_tokens

    @property
    def total(self) -> int:
        """As far as is known. Of a text that nobody waited for the end of, what was made counts."""
        return self._prompt + max(self._made, self._finished)


@contextmanager
def counting(who: Identity) -> Generator[Counted]:
    """Tells `who` at the end."""
    counted = Counted()
    try:
        yield counted
    finally:
        who.count_tokens(counted.total)
