"""A cache with a part of its own for each text, as many and as long as are needed now.

llama.cpp attends over a part at a time, so a text costs what itself is long, whatever others hold.
What texts have in common is computed once and copied: for 512 tokens of a model of half a billion
parameters that takes 3 ms, where computing them takes 2 s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.grafting import graft
from funland_worker.engines.llama_cpp.cache.prefix_tree import known_length
from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.llama_cpp.cache.reuse import Chunk, Source, chunks
from funland_worker.engines.llama_cpp.cache.state import State, Transfer
from funland_worker.engines.llama_cpp.cache.store import Kept, StateStore
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError

_FEWEST = 4
_SHORTEST = 512
_STEP = 256
_TRIFLE = 8
_FEW = 128
_PART = 4

_RESERVE = 128
"""Tokens that a new text gets room for beyond its prompt."""


@dataclass(slots=True)
class _Part:
    """One of llama.cpp's streams: in use by a lease, or free with what the last one left."""

    lease: Lease | None = None
    uses: Uses = ()
    kept: list[int] = field(default_factory=list[int])
    lasting: bool = False
    """Whether that may outlive the process."""
    released: int = 0
    """When it was left: a number that grows."""

    @property
    def worth(self) -> tuple[bool, int]:
        """Of free parts the least is given away first: those that are empty, then those that were
        left before the others."""
        return bool(self.kept), self.released


class StreamCache:
    """See `cache.protocol.Cache`.

    The parts in use are always the first: llama.cpp computes parts that follow each other in one
    go, and splits a pass at each hole. Those behind them hold what texts left.
    """

    def __init__(
        self,
        new_context: Callable[[int, int], Transfer],
        slots: int,
        longest: int,
        cells: int,
        store: StateStore,
        *,
        full: bool = False,
        least_chunk: int = 0,
    ) -> None:
        """`new_context` makes a context of so many parts of such a length; the cache must be plain.

        At most `slots` parts of at most `longest` tokens, together at most `cells`: in the
        beginning a few short ones, with `full` all that there may be. `least_chunk` is how many
        tokens a run must have to be used elsewhere than where it was computed; 0: none is.

        Raises:
            EngineError: MODEL_LOAD_FAILED.
        """
        self._new_context = new_context
        self._slots = slots
        self._longest = longest
        self._cells = max(cells, longest)
        self._store = store
        self._least_chunk = least_chunk
        self._length = min(longest, _SHORTEST)
        count = max(1, min(slots, slots if full else _FEWEST, self._cells // self._length))
        if full:
            self._length = min(longest, max(self._length, self._cells // count // _STEP * _STEP))
        self._transfer = new_context(count, self._length)
        self._memory = lib.llama_get_memory(self._transfer.context)
        self._parts = [_Part() for _ in range(self._transfer.parts)]
        self._releases = 0

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
        return True

    @property
    def attends_alike(self) -> bool:
        """See `Cache`. Parts are computed together for as many tokens as each has in the pass."""
        return True

    @property
    def cached_tokens(self) -> int:
        """See `Cache`; tokens are kept once for each text."""
        return sum(part.lease.computed if part.lease else len(part.kept) for part in self._parts)

    def admit(self, tokens: list[int], uses: Uses, *, fresh: bool = False) -> Lease | None:
        """See `Cache`."""
        used = sum(part.lease is not None for part in self._parts)
        length = min(len(tokens) + _RESERVE, self._longest)
        if used == self._slots or not self._fit(used + 1, length):
            return None
        free = [index for index, part in enumerate(self._parts) if part.lease is None]
        known = {
            index: 0 if fresh else self._known(self._parts[index], tokens, uses) for index in free
        }
        slot = max(free, key=lambda index: (known[index], -index))
        cached = known[slot]
        kept = None if fresh else self._store.longest(uses, tokens[:-1], cached)
        if kept is not None and len(kept.tokens) > self._length:
            kept = None  # it went on too far to be taken back whole
        if cached == 0 or kept is not None:
            slot = free[0]
            if (least := min(free, key=lambda index: self._parts[index].worth)) != slot:
                self._exchange(slot, least)
            cached = self._refill(slot, kept, tokens)
        part = self._parts[slot]
        if worth_a_copy(len(part.kept), cached):
            self._put_away(slot)
        part.lease, part.kept = self._cut(Lease(slot, uses, length), tokens[:cached]), []
        return part.lease

    def chunks(
        self,
        tokens: Sequence[int],
        uses: Uses,
        start: int,
        running: Iterable[tuple[Sequence[int], Lease]],
    ) -> list[Chunk]:
        """See `Cache`."""
        if not self._least_chunk or len(tokens) - start <= self._least_chunk:
            return []
        sources = [Source(known, partial(self._save, lease.slot)) for known, lease in running]
        sources += [
            Source(part.kept, partial(self._save, slot))
            for slot, part in enumerate(self._parts)
            if part.lease is None and part.uses == uses
        ]
        sources += [Source(one.tokens, partial(_same, one.state)) for one in self._store.all(uses)]
        return chunks(tokens, start, sources, self._least_chunk)

    def graft(self, lease: Lease, chunk: Chunk) -> None:
        """See `Cache`."""
        if graft(self._transfer, lease.slot, lease.slot, chunk.cells):
            lease.computed = chunk.end

    def share(self, source: Lease, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`."""
        self._transfer.restore(lease.slot, self._save(source.slot))
        self._cut(lease, tokens)

    def publish(self, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`. Nothing is shared in place here."""

    def keep(self, lease: Lease, tokens: list[int], *, shared: bool) -> None:
        """See `Cache`. A text that has gone on has all that there was."""

    def prepare(self, wanted: Sequence[tuple[Lease, int]]) -> bool:
        """See `Cache`."""
        used = sum(part.lease is not None for part in self._parts)
        length = 0
        for lease, more in wanted:
            end = lease.computed + more
            lease.expected = max(lease.expected, end)
            length = max(length, end)
        if not self._fit(used, length):
            return False
        self._close_holes(used)
        return True

    def gather(self, leases: Sequence[Lease]) -> None:
        """See `Cache`. llama.cpp splits a pass at each part that is not in it."""
        used = sum(part.lease is not None for part in self._parts)
        for one, other in exchanges([lease.slot for lease in leases], used):
            self._exchange(one, other)

    def trim(self, lease: Lease) -> None:
        """See `Cache`."""
        self._transfer.trim(lease.slot, lease.position)

    def release(self, lease: Lease, tokens: list[int]) -> None:
        """See `Cache`."""
        part = self._parts[lease.slot]
        part.lease, part.uses, part.kept = None, lease.uses, tokens
        self._releases += 1
        part.lasting, part.released = lease.lasting, self._releases

    def put_away(self) -> None:
        """See `Cache`."""
        left = [slot for slot, part in enumerate(self._parts) if part.lease is None]
        left.sort(key=lambda slot: -self._parts[slot].released)
        self._store.put_away(
            (part.uses, Kept(part.kept, self._save(slot), part.lasting))
            for slot in left
            if self._store.wants((part := self._parts[slot]).kept, lasting=part.lasting)
        )

    def _save(self, slot: int) -> State:
        return self._transfer.save(slot, slot)

    def _known(self, part: _Part, tokens: list[int], uses: Uses) -> int:
        """How many tokens a free part has of those."""
        if part.uses != uses:
            return 0
        return known_length(part.kept, tokens)

    def _refill(self, slot: int, kept: Kept | None, tokens: list[int]) -> int:
        """Empties a free part, gives it a kept state, and says how many of the tokens that has."""
        self._empty(slot)
        if kept is None or not self._transfer.restore(slot, kept.state):
            return 0
        return known_length(kept.tokens, tokens)

    def _empty(self, slot: int) -> None:
        """Puts what a free part holds into the store."""
        self._put_away(slot)
        lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        self._parts[slot].kept = []

    def _put_away(self, slot: int) -> None:
        """Gives the store a copy of what a free part holds."""
        part = self._parts[slot]
        self._store.put(part.uses, part.kept, partial(self._save, slot), lasting=part.lasting)

    def _cut(self, lease: Lease, tokens: list[int]) -> Lease:
        """Leaves these tokens, which a text begins with, or none if they are not there."""
        lease.holds(tokens if self._transfer.cut(lease.slot, tokens) else ())
        return lease

    def _close_holes(self, used: int) -> None:
        """Has the texts that run in the first parts, and in the others what texts left."""
        for hole in range(used):
            if self._parts[hole].lease is None:
                last = max(i for i, part in enumerate(self._parts) if part.lease is not None)
                self._exchange(hole, last)

    def _exchange(self, one: int, other: int) -> None:
        """Lets what two parts have change places. What a text left is let go if llama.cpp does not
        take it back; what one that runs has must be there."""
        parts = self._parts
        held = [slot for slot in (one, other) if parts[slot].lease is not None or parts[slot].kept]
        states = [(slot, self._save(slot)) for slot in held]
        for slot in held:
            lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        parts[one], parts[other] = parts[other], parts[one]
        for slot, state in states:
            to = other if slot == one else one
            lease = parts[to].lease
            if lease is not None:
                lease.slot = to
            if self._transfer.restore(to, state):
                continue
            if lease is not None:
                raise RuntimeError("llama.cpp has no room for a sequence that it had room for")
            parts[to].kept = []

    def _fit(self, used: int, length: int) -> bool:
        """Makes the cache large enough for so many parts of that length, if it may be."""
        count = len(self._parts)
        if used <= count and length <= self._length:
            return True
        if used > count:
            count = min(self._slots, max(count, 1 << (used - 1).bit_length()))
        new_length = self._length
        if length > new_length:
            new_length = min(self._longest, max(2 * new_length, _rounded(length)))
        if count * new_length > self._cells:
            new_length = min(self._longest, _rounded(max(length, self._most_expected())))
            count = min(count, self._cells // new_length)
        if count < used:
            return False
        return self._resize(count, new_length) or (count > used and self._resize(used, new_length))

    def _most_expected(self) -> int:
        return max((part.lease.expected for part in self._parts if part.lease), default=0)

    def _resize(self, count: int, length: int) -> bool:
        """Replaces the context; False if there is not enough memory. What texts left comes along,
        the latest first, and the rest goes to the store."""
        self._close_holes(sum(part.lease is not None for part in self._parts))
        saved = [
            (part, self._save(slot))
            for slot, part in enumerate(self._parts)
            if part.lease is not None or part.kept
        ]
        saved.sort(key=lambda one: -one[0].released if one[0].lease is None else -math.inf)
        before = (len(self._parts), self._length)
        lib.llama_free(self._transfer.context)
        try:
            self._transfer = self._new_context(count, length)
            grown = True
        except EngineError:
            (count, length), grown = before, False
            self._transfer = self._new_context(count, length)
        self._memory = lib.llama_get_memory(self._transfer.context)
        self._length = length
        parts: list[_Part] = []
        for part, state in saved:
            slot = len(parts)
            if slot < count and self._transfer.restore(slot, state):
                parts.append(part)
                if part.lease is not None:
                    part.lease.slot = slot
            elif part.lease is not None:
                raise RuntimeError("llama.cpp does not take back a sequence that it gave")
            else:
                self._store.put(part.uses, part.kept, partial(_same, state), lasting=part.lasting)
        self._parts = parts + [_Part() for _ in range(count - len(parts))]
        return grown


def worth_a_copy(length: int, cached: int) -> bool:
    """Whether a text of `length` tokens is kept when its part goes on as another that has `cached`
    of them, as where the latest answer was rewritten. A copy is as large as the whole, and saves
    only what those others lack to be computed again."""
    lost = length - cached
    return lost > _TRIFLE and (lost >= _FEW or _PART * lost >= length)


def exchanges(slots: Sequence[int], used: int) -> list[tuple[int, int]]:
    """The fewest changes of places that make slots follow each other: each of them with one of
    others, all below `used`."""
    first = min(slots)
    if max(slots) - first == len(slots) - 1:
        return []

    def missing(start: int) -> set[int]:
        return set(range(start, start + len(slots))) - set(slots)

    start = min((min(slot, used - len(slots)) for slot in slots), key=lambda at: len(missing(at)))
    outside = [slot for slot in slots if not start <= slot < start + len(slots)]
    return list(zip(outside, sorted(missing(start)), strict=True))


def _same(state: State) -> State:
    return state


def _rounded(length: int) -> int:
    return -(-length // _STEP) * _STEP
