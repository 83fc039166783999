"""A text's part of a pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.media import MediaSpan


class Share(NamedTuple):
    """A text's part of a pass."""

    generation: Generation
    lease: Lease
    tokens: list[int]
    """What is computed: tokens that the cache lacks, then guesses."""
    outputs: int
    """After how many of the last tokens a next one is chosen: 0 if some are still lacking."""
    guesses: int = 0
    scored: bool = False
    """Whether scores are wanted after every token, for what is told of the prompt."""
    shown: MediaSpan | None = None
    """What the tokens are rows of; None: they are tokens."""

    @property
    def rows(self) -> int:
        """After how many of the last tokens scores are wanted."""
        return len(self.tokens) if self.scored else self.outputs


def by_slot(share: Share) -> int:
    """Rows in the order of their slots keep llama.cpp from splitting a pass."""
    return share.lease.slot


def by_length(share: Share) -> tuple[int, int]:
    """Where states can be rolled back, it does so wherever the number of a text's tokens changes,
    and computes the parts in their order. Then only texts of the last can be rolled back: the part
    behind may move the others' states, and leaves what they could be rolled back to (0.3.36)."""
    return len(share.tokens), share.lease.slot


def stands_alone(shares: Sequence[Share]) -> bool:
    """Whether a pass has what no other's rows may stand beside."""
    return any(share.shown is not None and share.shown.chunk.at_once for share in shares)
