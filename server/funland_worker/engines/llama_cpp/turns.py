"""Whose turn a pass is, where texts can't or should not stand in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.llama_cpp.share import Share
from funland_worker.engines.prefill import apart

_REMEMBERED = 1000
"""For how many turns is known when a kind had one."""

Turn = tuple[Uses, bool]
"""What texts want in a pass: adapters, and whether it is of rows of pictures and sounds."""


def turn_of(generation: Generation) -> Turn:
    """What a text wants next."""
    return generation.prompt.adapters, generation.shown is not None


class Turns:
    """Texts with different adapters take turns: llama.cpp computes a pass with one set of them. So
    do a prompt and the texts that write, where it is much longer than they are, or where only
    passes of as many tokens of each are right."""

    def __init__(self, *, even: bool, attends_alike: bool) -> None:
        """`even` tells that no prompt may stand beside what is written, `attends_alike` that all in
        a pass cost as if they were as long as the longest."""
        self._even = even
        self._attends_alike = attends_alike
        self._number = 0
        self._latest: dict[Turn, int] = {}
        """When each had its turn."""
        self._has_read: set[Turn] = set()
        """Those of whose passes the latest that was parted had a prompt."""
        self.is_apart = False
        """Whether the pass that is made now is without some that could stand in it."""
        self._reads_next = False
        """Whether the next of such passes is a prompt's."""

    @property
    def prompt_is_next(self) -> bool:
        """Whether the next pass is a prompt's, if that is known."""
        return self.is_apart and self._reads_next

    def whose(self, candidates: Iterable[Turn]) -> Turn:
        """What the next pass is of, of that which texts want: who waits longest."""
        wanted = min(candidates, key=lambda one: self._latest.get(one, 0))
        self._number += 1
        self._latest = {
            key: number
            for key, number in self._latest.items()
            if number > self._number - _REMEMBERED
        }
        self._latest[wanted] = self._number
        self._has_read &= self._latest.keys()
        return wanted

    def parted(self, shares: list[Share], turn: Turn) -> list[Share]:
        """Of a pass one prompt alone, or, in every other of such a turn, all that write, where they
        must not or should not stand in one."""
        writing = [share for share in shares if share.generation.decoding]
        prompts = [share for share in shares if not share.generation.decoding]
        self.is_apart = self._even or (
            self._attends_alike and apart(_computed(prompts), _computed(writing))
        )
        if not self.is_apart:
            return shares
        if not (writing and prompts):
            self._reads_next = False
            return writing or prompts[:1]
        self._has_read ^= {turn}
        self._reads_next = turn not in self._has_read
        return writing if self._reads_next else prompts[:1]


def _computed(shares: Sequence[Share]) -> list[int]:
    return [share.lease.computed for share in shares]
