"""What the engine asks of the memory for keys and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.reuse import Chunk
from funland_worker.engines.stand_ins import shift


@dataclass(slots=True, eq=False)
class Lease:
    """A text's part of the cache."""

    slot: int
    """Its sequence id in llama.cpp. The cache may change it between two passes."""
    uses: Uses
    """The adapters that its keys and values are computed with: others are of no use to it."""
    expected: int
    """How many tokens it has, and how many more are likely soon."""
    computed: int = 0
    """How many of its tokens the cache holds."""
    shift: int = 0
    """By how much its next position is less than that: rows of pictures may lie beside each
    other."""
    leaves: int = 0
    """With how many of its tokens another text begins, where no copy of just these could be had."""
    lasting: bool = False
    """Whether what it leaves may outlive the process: its conversation is kept elsewhere too."""

    @property
    def position(self) -> int:
        """llama.cpp's number for where its next token stands."""
        return self.computed - self.shift

    def holds(self, tokens: Sequence[int]) -> None:
        """Takes note that these are the tokens that the cache holds."""
        self.computed, self.shift = len(tokens), shift(tokens)


class Cache(Protocol):
    """The keys and values of all texts of one model."""

    @property
    def context(self) -> Any:
        """llama.cpp's context. `prepare` and `admit` may replace it."""
        ...

    @property
    def slots(self) -> int:
        """How many texts may run at once."""
        ...

    @property
    def cells(self) -> int:
        """How many tokens it may hold."""
        ...

    @property
    def shares_what_runs(self) -> bool:
        """Whether a text can be given the beginning of one that has gone on. Else a beginning must
        be kept while it is all that there is."""
        ...

    @property
    def attends_alike(self) -> bool:
        """Whether texts that have one token each in a pass cost as if each were as long as the
        longest of them, a prompt that has more included."""
        ...

    @property
    def cached_tokens(self) -> int:
        """How many tokens it holds; what texts share is counted once if it is kept once."""
        ...

    def admit(self, tokens: list[int], uses: Uses, *, fresh: bool = False) -> Lease | None:
        """A part for a new text, with what is known of its tokens; None if there is no room.

        The last token is never taken as known: it must be computed to choose the next. Of a `fresh`
        text none is.
        """
        ...

    def chunks(
        self,
        tokens: Sequence[int],
        uses: Uses,
        start: int,
        running: Iterable[tuple[Sequence[int], Lease]],
    ) -> list[Chunk]:
        """What other texts have of a prompt's tokens from `start` on, in order, if it may be used
        elsewhere than where it was computed; `running` are texts, as far as they are computed."""
        ...

    def graft(self, lease: Lease, chunk: Chunk) -> None:
        """Puts a chunk behind the last token of a lease, which is the last before it, if it can
        be."""
        ...

    def share(self, source: Lease, lease: Lease, tokens: list[int]) -> None:
        """Gives `lease` the tokens, with which `source` begins too and which it has computed; if
        the text has gone on and they were not kept, it may be fewer."""
        ...

    def publish(self, lease: Lease, tokens: list[int]) -> None:
        """Tells which tokens a lease has computed, for others to share."""
        ...

    def keep(self, lease: Lease, tokens: list[int], *, shared: bool) -> None:
        """Keeps what a lease has computed, which is just these tokens, for when the text has gone
        on. `shared` tells that others than its next turn are likely to begin with them."""
        ...

    def prepare(self, wanted: Sequence[tuple[Lease, int]]) -> bool:
        """Makes room for so many more tokens of each; says whether there is."""
        ...

    def gather(self, leases: Sequence[Lease]) -> None:
        """Makes a pass of these alone as fast as if there were no others. After `prepare`."""
        ...

    def trim(self, lease: Lease) -> None:
        """Removes what the pass computed beyond `lease.computed`: guesses that were wrong."""
        ...

    def release(self, lease: Lease, tokens: list[int]) -> None:
        """Takes a text's part back, with the tokens that it holds."""
        ...

    def put_away(self) -> None:
        """Writes what texts that ended have left to where the next process finds it."""
        ...
