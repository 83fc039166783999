"""How many refused calls are kept: nobody who may not call is to fill the disk with that."""

from __future__ import annotations

from collections import Counter
from typing import Final

OF_ONE: Final = 60
"""So many in a minute from one address."""
OF_ALL: Final = 600
"""So many in a minute in all."""
_MINUTE: Final = 60.0


class Refusals:
    """Those of this minute. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._minute = 0
        self._kept: Counter[str] = Counter()
        self._all = 0

    def keeps(self, place: str, now: float) -> bool:
        """Whether one more from a place is kept; counts it."""
        if (minute := int(now // _MINUTE)) != self._minute:
            self._minute, self._all = minute, 0
            self._kept.clear()
        if self._kept[place] >= OF_ONE or self._all >= OF_ALL:
            return False
        self._kept[place] += 1
        self._all += 1
        return True
