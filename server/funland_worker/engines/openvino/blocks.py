"""Who holds which blocks of the KV cache, and which beginnings of texts they keep."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

_ROOT = 0


@dataclass(slots=True)
class _Known:
    """A block whose tokens are known: they follow those of the block `parent` names."""

    parent: int
    tokens: tuple[int, ...]
    name: int


class BlockPool:
    """Blocks of `size` tokens. Full ones are known by all tokens up to their end, so that texts
    which begin alike share them; those that nobody holds stay until their room is needed, the least
    recently used go first."""

    def __init__(self, count: int, size: int, *, shares: bool = True) -> None:
        self.size = size
        self.shares = shares
        self._free = list(range(count - 1, -1, -1))
        self._holders = [0] * count
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self._of_block: dict[int, _Known] = {}
        self._unheld: OrderedDict[int, None] = OrderedDict()
        self._last_name = _ROOT

    @property
    def available(self) -> int:
        """How many blocks could be taken."""
        return len(self._free) + len(self._unheld)

    @property
    def held(self) -> int:
        """How many blocks texts hold, each once."""
        return len(self._holders) - self.available

    def needed(self, tokens: int) -> int:
        """How many blocks so many tokens take."""
        return -(-tokens // self.size)

    def find(self, tokens: Sequence[int]) -> list[int]:
        """Takes the known blocks that a text begins with; at least one token is left to compute."""
        found: list[int] = []
        parent = _ROOT
        for start in range(0, len(tokens) - self.size, self.size):
            block = self._known.get((parent, tuple(tokens[start : start + self.size])))
            if block is None:
                break
            found.append(block)
            parent = self._of_block[block].name
        for block in found:
            self._holders[block] += 1
            self._unheld.pop(block, None)
        return found

    def take(self, count: int) -> list[int] | None:
        """That many blocks, or None if there are not so many."""
        if count > self.available:
            return None
        return [self._take_one() for _ in range(count)]

    def learn(self, tokens: Sequence[int], blocks: Sequence[int], computed: int) -> None:
        """Remembers the blocks that `computed` tokens fill."""
        if not self.shares:
            return
        parent = _ROOT
        for number in range(computed // self.size):
            block = blocks[number]
            known = self._of_block.get(block)
            if known is None:
                key = (parent, tuple(tokens[number * self.size : (number + 1) * self.size]))
                if key in self._known:  # another text computed the same meanwhile
                    parent = self._of_block[self._known[key]].name
                    continue
                self._last_name += 1
                known = self._of_block[block] = _Known(*key, self._last_name)
                self._known[key] = block
            parent = known.name

    def give_back(self, blocks: Sequence[int]) -> None:
        """Lets go of a text's blocks."""
        # From the end: what others may begin with is the last to be forgotten.
        for block in reversed(blocks):
            self._holders[block] -= 1
            if self._holders[block]:
                continue
            if block in self._of_block:
                self._unheld[block] = None
            else:
                self._free.append(block)

    def _take_one(self) -> int:
        if self._free:
            block = self._free.pop()
        else:
            block, _ = self._unheld.popitem(last=False)
            known = self._of_block.pop(block)
            del self._known[known.parent, known.tokens]
        self._holders[block] = 1
        return block
