"""Who holds which of the KV cache's sequences, and what the free ones still contain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from funland_worker.engines.llama_cpp.library import lib


class Slots:
    """The sequences of a unified KV cache of `cells` cells.

    A slot that is given back keeps its cells until they are needed, so that a prompt that begins as
    an earlier one did (the next turn of a chat) computes only what is new.
    """

    def __init__(self, memory: Any, count: int, cells: int) -> None:
        self._memory = memory
        self._free: dict[int, None] = dict.fromkeys(range(count))
        """Free slots, least recently used first."""
        self._kept: dict[int, list[int]] = {slot: [] for slot in range(count)}
        """The tokens whose cells a free slot still holds."""
        self.cells = cells

    @property
    def available(self) -> int:
        """How many slots are free."""
        return len(self._free)

    @property
    def kept_cells(self) -> int:
        """How many cells the free slots hold."""
        return sum(len(self._kept[slot]) for slot in self._free)

    def take(self, tokens: Sequence[int]) -> tuple[int, int]:
        """Takes the free slot that holds the longest beginning of `tokens`, and says how long.

        The last token is never counted: it must be computed to choose the next.
        """
        best, shared = -1, -1
        for slot in self._free:
            length = _common_length(self._kept[slot], tokens, len(tokens) - 1)
            # Of equals, an empty slot: what another holds may be of use to a later call.
            if length > shared or (length == shared and not self._kept[slot] and self._kept[best]):
                best, shared = slot, length
        del self._free[best]
        kept = self._kept[best]
        self._kept[best] = []
        if shared < len(kept) and not self._cut(best, shared):
            shared = 0
        return best, shared

    def give_back(self, slot: int, tokens: list[int]) -> None:
        """Frees a slot whose cells hold `tokens`."""
        self._kept[slot] = tokens
        self._free[slot] = None

    def drop(self, slot: int) -> None:
        """Frees a slot and its cells."""
        lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        self._free[slot] = None

    def make_room(self, held_cells: int, wanted: int) -> bool:
        """Empties free slots, least recently used first, until `wanted` more cells than
        `held_cells` fit; says whether they do."""
        for slot in self._free:
            if held_cells + self.kept_cells + wanted <= self.cells:
                return True
            self._empty(slot)
        return held_cells + wanted <= self.cells

    def empty_all(self) -> None:
        """Frees the cells of all free slots."""
        for slot in self._free:
            self._empty(slot)

    def _empty(self, slot: int) -> None:
        if self._kept[slot]:
            lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
            self._kept[slot] = []

    def _cut(self, slot: int, length: int) -> bool:
        """Keeps a slot's first `length` tokens, or none if the memory can't be cut there."""
        if (
            length > 0
            and lib.llama_memory_seq_rm(self._memory, slot, length, -1)
            # Sliding windows forget the beginning: what is left of such a slot is of no use.
            and lib.llama_memory_seq_pos_min(self._memory, slot) == 0
        ):
            return True
        lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
        return False


def _common_length(held: Sequence[int], wanted: Sequence[int], limit: int) -> int:
    length = 0
    for one, other in zip(held, wanted, strict=False):
        if one != other or length == limit:
            break
        length += 1
    return length
