"""One cache for all texts: what they have in common is kept once.

A pass attends over all cells in use, so many long texts without anything in common slow each other;
`streams` is for those. But models that keep more than keys and values, or several caches of them,
always come here: their texts can't be moved to a cache of another shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.ended import Ended, EndedTexts
from funland_worker.engines.llama_cpp.cache.prefix_tree import (
    Match,
    PrefixTree,
    known_length,
)
from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.llama_cpp.cache.reuse import Chunk
from funland_worker.engines.llama_cpp.cache.shared_cells import SharedCells
from funland_worker.engines.llama_cpp.cache.state import Transfer
from funland_worker.engines.llama_cpp.cache.store import SHORTEST, Kept, StateStore
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.stand_ins import shift, whole


@dataclass(slots=True)
class _Running:
    """A text that runs."""

    lease: Lease
    number: int
    published: int = 0
    """How many of its tokens are in its tree."""
    began: int = 0
    """The number of the text that it goes on with; 0: none."""


class UnifiedCache:
    """See `cache.protocol.Cache`.

    The texts that run and those that have ended are one radix tree. Where two have the same tokens
    they share llama.cpp's cells, so the tree's size is what is kept. The ends of the least recently
    used texts that have ended are freed when cells are needed.

    Where a part of a text can't be copied (a sliding window forgets its beginning, a state is of
    one place alone), texts have cells of their own, but for what one was given when it began. Where
    tails can't be dropped, copies are kept on the way, in sequences of their own: llama.cpp copies
    a state when either goes on, and keys and values not at all.
    """

    def __init__(
        self, transfer: Transfer, slots: int, sequences: int, cells: int, store: StateStore
    ) -> None:
        """`sequences` is how many texts the context can hold, running or ended: more than
        `slots`. The context has one part."""
        self._transfer = transfer
        self._memory = lib.llama_get_memory(transfer.context)
        self._able = transfer.memory
        self._slots = slots
        self._cells = cells
        self._store = store
        self._trees: dict[Uses, PrefixTree[int]] = {}
        self._free = list(range(sequences))
        """Sequence ids, the lowest last."""
        self._free.reverse()
        self._running: dict[int, _Running] = {}
        self._numbers = 0
        self._ended = EndedTexts()
        """Texts whose cells are kept."""
        self._taken = SharedCells()
        """The cells of texts that have them for themselves, but for copies."""
        self._rolled_back: dict[int, int] = {}
        """To how many tokens states were, by sequence. Such is noted down until the next pass."""

    @property
    def context(self) -> Any:
        """See `Cache`."""
        return self._transfer.context

    @property
    def slots(self) -> int:
        """See `Cache`."""
        return self._slots

    @property
    def cells(self) -> int:
        """See `Cache`."""
        return self._cells

    @property
    def shares_what_runs(self) -> bool:
        """See `Cache`."""
        return self._able.drops_tails

    @property
    def attends_alike(self) -> bool:
        """See `Cache`. All texts are attended over all cells, whoever stands in a pass."""
        return False

    @property
    def cached_tokens(self) -> int:
        """See `Cache`."""
        running = self._running.items()
        if not self._able.copies_parts:
            alone = sum(one.lease.computed - self._taken.length(slot) for slot, one in running)
            return self._taken.total + alone
        shared = sum(tree.size for tree in self._trees.values())
        return shared + sum(one.lease.computed - one.published for _, one in running)

    def admit(self, tokens: list[int], uses: Uses, *, fresh: bool = False) -> Lease | None:
        """See `Cache`."""
        if len(self._running) == self._slots:
            return None
        match = None if fresh else self._match(tokens[:-1], uses)
        cached = match.length if match else 0
        kept = None if fresh else self._store.longest(uses, tokens[:-1], cached)
        new = len(tokens) - (cached if self._able.shares_cells else 0)
        if kept is not None:
            new = len(kept.tokens) + len(tokens)
        leases = [one.lease for one in self._running.values()]
        owed = 1 + sum(max(0, one.expected - one.computed) for one in leases)
        if not self._make_room(new + owed, match.key if match else None):
            # What it shares may be the little that a long text begins with: then without.
            match = kept = None
            if not self._make_room(len(tokens) + owed):
                return None
        keep = match.key if match else None
        if keep is not None and keep in self._ended:
            self._ended.used(keep)
        if not self._free:
            self._evict_oldest(keep)
        lease = Lease(self._free.pop(), uses, len(tokens))
        self._numbers += 1
        self._running[lease.slot] = _Running(lease, self._numbers)
        if kept is not None and self._transfer.restore(lease.slot, kept.state):
            self._begin(lease, tokens, known_length(kept.tokens, tokens))
        elif match is not None:
            self._copy(match.key, lease, tokens, match.length)
        if not (self._able.drops_tails or fresh) and (tree := self._trees.get(uses)):
            alike = tree.match(tokens[:-1])
            lease.leaves = alike.length if alike else 0
        return lease

    def chunks(
        self,
        tokens: Sequence[int],
        uses: Uses,
        start: int,
        running: Iterable[tuple[Sequence[int], Lease]],
    ) -> list[Chunk]:
        """See `Cache`. Here nothing may."""
        return []

    def graft(self, lease: Lease, chunk: Chunk) -> None:
        """See `Cache`."""

    def share(self, source: Lease, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`."""
        match = Match(len(tokens), source.slot)
        if not self._able.drops_tails and source.computed > len(tokens):
            kept = self._match(tokens, lease.uses)
            if kept is None or kept.length <= lease.computed:
                return
            match = kept
        lib.llama_memory_seq_rm(self._memory, lease.slot, -1, -1)
        if lease.slot in (tree := self._tree(lease.uses)):
            tree.remove(lease.slot)
        if self._able.drops_tails and self._running[source.slot].published < len(tokens):
            self.publish(source, tokens)
        self._copy(match.key, lease, tokens, match.length)

    def keep(self, lease: Lease, tokens: list[int], *, shared: bool) -> None:
        """See `Cache`. It is not kept if all sequences are taken by texts that run."""
        tree = self._tree(lease.uses)
        kept = [one.key for one in tree.beginnings(tokens) if one.length == len(tokens)]
        for slot in kept:
            if slot in self._ended:
                self._ended.used(slot)
                return
        if not self._free and not self._evict_oldest():
            return
        if not self._able.shares_cells and not self._make_room(len(tokens)):
            return
        running, slot = self._running[lease.slot], self._free[-1]
        if not self._clone(lease.slot, slot):
            return
        self._free.pop()
        self._tree(lease.uses).insert(tokens, slot)
        if running.began and not shared:
            self._ended.passed(running.began)
            running.began = 0
        ended = Ended(lease.uses, tokens, lease.lasting, running.number, shared)
        self._ended.add(slot, ended)

    def publish(self, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`. Cells that another text has too are given up for that one's."""
        tree = self._tree(lease.uses)
        if lease.slot in tree:
            tree.remove(lease.slot)
        known = tree.match(tokens) if self._able.copies_parts else None
        if known is not None and (common := tokens[: whole(tokens, known.length)]):
            end = len(common) - shift(common)
            lib.llama_memory_seq_rm(self._memory, lease.slot, 0, end)
            lib.llama_memory_seq_cp(self._memory, known.key, lease.slot, 0, end)
        tree.insert(tokens, lease.slot)
        self._running[lease.slot].published = len(tokens)

    def prepare(self, wanted: Sequence[tuple[Lease, int]]) -> bool:
        """See `Cache`."""
        return self._make_room(sum(more for _, more in wanted))

    def gather(self, leases: Sequence[Lease]) -> None:
        """See `Cache`. The order of texts does not matter here."""

    def trim(self, lease: Lease) -> None:
        """See `Cache`."""
        self._transfer.trim(lease.slot, lease.position)
        if not self._able.drops_tails:
            self._rolled_back[lease.slot] = lease.computed

    def release(self, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`."""
        slot = lease.slot
        if tokens:
            self.publish(lease, tokens)
        number = self._running.pop(slot).number
        if len(tokens) < SHORTEST:
            self._forget(slot, lease.uses)
            return
        self._taken.grow(slot, len(tokens))
        self._ended.add(slot, Ended(lease.uses, tokens, lease.lasting, number))

    def put_away(self) -> None:
        """See `Cache`."""
        self._store.put_away(
            (one.uses, Kept(one.tokens, self._transfer.save(slot, 0), one.lasting))
            for slot, one in self._ended.worth_keeping()
            if self._store.wants(one.tokens, lasting=one.lasting)
        )

    def _match(self, tokens: list[int], uses: Uses) -> Match[int] | None:
        """Who has most of the tokens; just these and no more if the rest could not be dropped."""
        tree = self._trees.get(uses)
        if tree is None:
            return None
        if not self._able.drops_tails:
            return next(
                (
                    one
                    for one in tree.beginnings(tokens)
                    if self._held(one.key) == one.length == whole(tokens, one.length)
                ),
                None,
            )
        match = tree.match(tokens)
        return Match(whole(tokens, match.length), match.key) if match else None

    def _held(self, slot: int) -> int:
        """How many tokens a text has computed."""
        running = self._running.get(slot)
        return running.lease.computed if running else len(self._ended[slot].tokens)

    def _copy(self, source: int, lease: Lease, tokens: list[int], length: int) -> None:
        """Gives a new text the first tokens of another. Not all memories can copy a part of a
        text; all can copy the whole, and what is too much is cut off."""
        if not self._clone(source, lease.slot):
            length = 0
        if source in self._ended and not (ended := self._ended[source]).shared:
            self._running[lease.slot].began = ended.text
        self._begin(lease, tokens, length)

    def _clone(self, source: int, target: int) -> bool:
        """Gives a sequence without tokens all that another has; says whether there was room."""
        held = self._held(source)
        if self._rolled_back.pop(source, None) == held and self._able.shares_cells:
            self._transfer.settle(source)
        if not self._transfer.copy(source, target):
            return False
        if self._able.shares_cells:
            self._taken.grow(source, held)
            self._taken.copy(source, target)
        else:
            self._taken.grow(target, held)
        return True

    def _begin(self, lease: Lease, tokens: list[int], cached: int) -> None:
        """Leaves a new text's first `cached` tokens, or none if that can't be."""
        known = tokens[:cached]
        lease.holds(())
        self._running[lease.slot].published = 0
        if self._transfer.cut(lease.slot, known):
            lease.holds(known)
            self.publish(lease, known)
        self._taken.cut(lease.slot, lease.computed)

    def _make_room(self, wanted: int, keep: int | None = None) -> bool:
        """Frees ended texts, least recently used first, until `wanted` cells are free."""
        while self.cached_tokens + wanted > self._cells:
            if not self._evict_oldest(keep):
                return False
        return True

    def _evict_oldest(self, keep: int | None = None) -> bool:
        """Frees the ended text that is to be given up first, other than `keep`, if there is one."""
        slot = self._ended.oldest(keep)
        if slot is None:
            return False
        one = self._ended.pop(slot)
        if not one.passed:
            save = partial(self._transfer.save, slot, 0)
            self._store.put(one.uses, one.tokens, save, lasting=one.lasting)
        self._forget(slot, one.uses)
        return True

    def _forget(self, slot: int, uses: Uses) -> None:
        tree = self._tree(uses)
        if slot in tree:
            tree.remove(slot)
        if tree.size == 0:
            del self._trees[uses]
        lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        self._taken.remove(slot)
        self._rolled_back.pop(slot, None)
        self._free.append(slot)

    def _tree(self, uses: Uses) -> PrefixTree[int]:
        return self._trees.setdefault(uses, PrefixTree())
