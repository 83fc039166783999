"""One cache for all texts: what they have in common is kept once.

A pass attends over all cells in use, so many long texts without anything in common slow each other;
`streams` is for those. But models that keep more than keys and values, or several caches of them,
always come here: their texts can't be moved to a cache of another shape.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.prefix_tree import (
    Match,
    PrefixTree,
    common_length,
)
from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.llama_cpp.cache.state import Transfer
from funland_worker.engines.llama_cpp.cache.store import SHORTEST, Kept, StateStore
from funland_worker.engines.llama_cpp.library import lib


class UnifiedCache:
    """See `cache.protocol.Cache`.

    The texts that run and those that have ended are one radix tree. Where two have the same tokens
    they share llama.cpp's cells, so the tree's size is what is kept. The ends of the least recently
    used texts that have ended are freed when cells are needed.

    A sliding window forgets a text's beginning and a recurrent state is of one place alone, so the
    texts of such models have cells of their own, but for what one was given when it began.
    """

    def __init__(
        self, transfer: Transfer, slots: int, sequences: int, cells: int, store: StateStore
    ) -> None:
        """`sequences` is how many texts the context can hold, running or ended: more than
        `slots`. The context has one part."""
        self._transfer = transfer
        self._memory = lib.llama_get_memory(transfer.context)
        self._slots = slots
        self._cells = cells
        self._store = store
        self._trees: dict[Uses, PrefixTree[int]] = {}
        self._free = list(range(sequences))
        """Sequence ids, the lowest last."""
        self._free.reverse()
        self._running: dict[int, Lease] = {}
        self._published: dict[int, int] = {}
        """How many tokens of each running text are in its tree."""
        self._ended: OrderedDict[int, tuple[Uses, list[int], bool]] = OrderedDict()
        """Texts whose cells are kept, least recently used first, and whether they may outlive the
        process."""

    @property
    def context(self) -> Any:
        """See `Cache`."""
        return self._transfer.context

    @property
    def slots(self) -> int:
        """See `Cache`."""
        return self._slots

    @property
    def shares_what_runs(self) -> bool:
        """See `Cache`."""
        return not self._transfer.recurrent

    @property
    def cached_tokens(self) -> int:
        """See `Cache`."""
        if not self._transfer.plain:
            running = sum(lease.computed for lease in self._running.values())
            return running + sum(len(tokens) for _, tokens, _ in self._ended.values())
        shared = sum(tree.size for tree in self._trees.values())
        alone = sum(lease.computed - self._published[slot] for slot, lease in self._running.items())
        return shared + alone

    def admit(self, tokens: list[int], uses: Uses, *, fresh: bool = False) -> Lease | None:
        """See `Cache`."""
        if len(self._running) == self._slots:
            return None
        match = None if fresh else self._match(tokens, uses)
        cached = match.length if match else 0
        kept = None if fresh else self._store.longest(uses, tokens[:-1], cached)
        new = len(kept.tokens) + len(tokens) if kept else len(tokens) - cached
        owed = 1 + sum(max(0, one.expected - one.computed) for one in self._running.values())
        if not self._make_room(new + owed, match.key if match else None):
            # What it shares may be the little that a long text begins with: then without.
            match = kept = None
            if not self._make_room(len(tokens) + owed):
                return None
        keep = match.key if match else None
        if keep in self._ended:
            self._ended.move_to_end(keep)
        if not self._free:
            self._evict(self._oldest(keep))
        lease = Lease(self._free.pop(), uses, len(tokens))
        self._running[lease.slot] = lease
        self._published[lease.slot] = 0
        if kept is not None and self._transfer.restore(lease.slot, kept.state):
            self._begin(lease, tokens, common_length(kept.tokens, tokens[:-1]))
        elif match is not None:
            self._copy(match.key, lease, tokens, match.length)
        return lease

    def share(self, source: Lease, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`."""
        lib.llama_memory_seq_rm(self._memory, lease.slot, -1, -1)
        if lease.slot in (tree := self._tree(lease.uses)):
            tree.remove(lease.slot)
        if self._published[source.slot] < len(tokens):
            self.publish(source, tokens)
        self._copy(source.slot, lease, tokens, len(tokens))

    def publish(self, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`. Cells that another text has too are given up for that one's."""
        tree = self._tree(lease.uses)
        if lease.slot in tree:
            tree.remove(lease.slot)
        known = tree.match(tokens) if self._transfer.plain else None
        if known is not None:
            lib.llama_memory_seq_rm(self._memory, lease.slot, 0, known.length)
            lib.llama_memory_seq_cp(self._memory, known.key, lease.slot, 0, known.length)
        tree.insert(tokens, lease.slot)
        self._published[lease.slot] = len(tokens)

    def prepare(self, wanted: Sequence[tuple[Lease, int]]) -> bool:
        """See `Cache`."""
        return self._make_room(sum(more for _, more in wanted))

    def gather(self, leases: Sequence[Lease]) -> None:
        """See `Cache`. The order of texts does not matter here."""

    def trim(self, lease: Lease) -> None:
        """See `Cache`."""
        self._transfer.trim(lease.slot, lease.computed)

    def release(self, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`."""
        slot = lease.slot
        if tokens:
            self.publish(lease, tokens)
        del self._running[slot], self._published[slot]
        if len(tokens) < SHORTEST:
            self._forget(slot, lease.uses)
            return
        self._ended[slot] = (lease.uses, tokens, lease.lasting)

    def put_away(self) -> None:
        """See `Cache`."""
        self._store.put_away(
            (uses, Kept(tokens, self._transfer.save(slot, 0), lasting))
            for slot, (uses, tokens, lasting) in reversed(self._ended.items())
            if self._store.wants(tokens, lasting=lasting)
        )

    def _match(self, tokens: list[int], uses: Uses) -> Match[int] | None:
        tree = self._trees.get(uses)
        match = tree.match(tokens[:-1]) if tree else None
        if match is not None and self._transfer.recurrent and match.length < self._held(match.key):
            return None  # its state is of a later place
        return match

    def _held(self, slot: int) -> int:
        """How many tokens a text has computed."""
        lease = self._running.get(slot)
        return lease.computed if lease is not None else len(self._ended[slot][1])

    def _copy(self, source: int, lease: Lease, tokens: list[int], length: int) -> None:
        """Gives a new text the first tokens of another. Not all memories can copy a part of a
        text; all can copy the whole, and what is too much is cut off."""
        lib.llama_memory_seq_cp(self._memory, source, lease.slot, -1, -1)
        self._begin(lease, tokens, length)

    def _begin(self, lease: Lease, tokens: list[int], cached: int) -> None:
        """Leaves a new text's first `cached` tokens, or none if that can't be."""
        lease.computed = self._published[lease.slot] = 0
        if self._transfer.cut(lease.slot, cached):
            lease.computed = cached
            self.publish(lease, tokens[:cached])

    def _make_room(self, wanted: int, keep: int | None = None) -> bool:
        """Frees ended texts, least recently used first, until `wanted` cells are free."""
        while self.cached_tokens + wanted > self._cells:
            if not self._ended.keys() - {keep}:
                return False
            self._evict(self._oldest(keep))
        return True

    def _oldest(self, keep: int | None) -> int:
        return next(slot for slot in self._ended if slot != keep)

    def _evict(self, slot: int) -> None:
        uses, tokens, lasting = self._ended.pop(slot)
        self._store.put(uses, tokens, lambda: self._transfer.save(slot, 0), lasting=lasting)
        self._forget(slot, uses)

    def _forget(self, slot: int, uses: Uses) -> None:
        tree = self._tree(uses)
        if slot in tree:
            tree.remove(slot)
        if tree.size == 0:
            del self._trees[uses]
        lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        self._free.append(slot)

    def _tree(self, uses: Uses) -> PrefixTree[int]:
        return self._trees.setdefault(uses, PrefixTree())
