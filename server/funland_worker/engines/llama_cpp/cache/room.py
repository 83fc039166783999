"""How much memory the states of texts that ended get: as much as was seen to help.

Texts that nobody comes back to fill whatever there is. So a store begins small, and grows when it
is full of such as are come back to. Of what it gives up it remembers the tokens alone: a text that
goes on with those shows how large it should have been.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.prefix_tree import PrefixTree

_OFTEN = 4
"""Of so many states one is come back to where that is what texts do."""
_WORTH = 32
"""So many tokens more must have been given up: texts of any kind may begin alike."""
_REMEMBERED = 256
"""Of how many texts that were given up is known what they were."""


class Room:
    """The bytes that a store may fill, which grow up to a limit."""

    def __init__(self, first: int, limit: int) -> None:
        self.bytes = min(first, limit)
        self._limit = limit
        self._passed = 0
        self._put = self._used = 0
        """How many were put in, and come back to, since it has grown."""
        self._gone: dict[Uses, PrefixTree[int]] = {}
        self._since: OrderedDict[int, tuple[Uses, int]] = OrderedDict()
        self._numbers = 0

    def took(self, size: int, *, used: bool = False) -> int:
        """A state is put in, or `used`: since when it is there, in bytes of all that went by."""
        since = self._passed
        self._passed += size
        self._used += used
        self._put += not used
        return since

    def stretched(self) -> bool:
        """Whether it has grown, so that no state need go yet."""
        if self.bytes in (0, self._limit) or not self._used or _OFTEN * self._used < self._put:
            return False
        self.bytes = min(self._limit, 2 * self.bytes)
        self._put = self._used = 0
        return True

    def gave_up(self, uses: Uses, tokens: Sequence[int], since: int) -> None:
        """The state of these tokens went, which was there `since`."""
        if self.bytes == self._limit:
            return
        self._numbers += 1
        self._gone.setdefault(uses, PrefixTree()).insert(tokens, self._numbers)
        self._since[self._numbers] = uses, since
        if len(self._since) > _REMEMBERED:
            self._forget(next(iter(self._since)))

    def looked_for(self, uses: Uses, tokens: Sequence[int], found: int, *, entire: bool) -> None:
        """A text begins, of which `found` tokens are there. If more were given up, the room is from
        now on at least as large as would have kept them, as far as it may be."""
        tree = self._gone.get(uses)
        match = tree.best(tokens, entire=entire) if tree else None
        if match is None or match.length < found + _WORTH:
            return
        _, since = self._since[match.key]
        self.bytes = min(self._limit, max(2 * self.bytes, self._passed - since))
        self._forget(match.key)

    def _forget(self, number: int) -> None:
        uses, _ = self._since.pop(number)
        tree = self._gone[uses]
        tree.remove(number)
        if tree.size == 0:
            del self._gone[uses]
