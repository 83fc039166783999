"""How many webhooks are told at once: no I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

AT_ONCE: Final = 16
_ORIGIN: Final = re.compile(r"(?:[^:/?#]+://)?[^/?#]*")
_OF_AN_ORIGIN: Final = 4
"""So that receivers that hang leave places for others."""


class Places:
    """Those that a server has free, by the URLs of those that it tells at the moment."""

    def __init__(self, telling: Iterable[str]) -> None:
        self._taken = Counter(_origin(url) for url in telling)

    @property
    def free(self) -> int:
        """How many more may be told."""
        return max(0, AT_ONCE - self._taken.total())

    @property
    def full(self) -> list[str]:
        """The origins of which no more may be told, as their URLs have them."""
        return sorted(one for one, many in self._taken.items() if many >= _OF_AN_ORIGIN)

    def chosen(self, due: Iterable[tuple[str, str]]) -> list[str]:
        """Of ids and URLs those ids that there are places for."""
        taken = self._taken.copy()
        ids: list[str] = []
        for one, url in due:
            if taken[_origin(url)] < _OF_AN_ORIGIN and taken.total() < AT_ONCE:
                taken[_origin(url)] += 1
                ids.append(one)
        return ids


def _origin(url: str) -> str:
    """As the URL has it: of two spellings each has places of its own."""
    found = _ORIGIN.match(url)
    return url if found is None else found[0]
