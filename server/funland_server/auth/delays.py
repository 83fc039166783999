"""How long somebody waits after wrong passwords: a pure function of what was tried.

Wrong passwords count for the pair of a name and an address, so that who tries a user's name from
elsewhere does not keep the user out; and for an address alone, so that who tries many names is
slowed down too.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE_TRIES: Final = 5
"""So many wrong passwords for a name cost nothing: people mistype."""
FREE_OF_ADDRESS: Final = 20
"""So many for all names from one address."""
LONGEST: Final = 300.0
"""The longest wait, in seconds."""
_FORGOTTEN: Final = 900.0
"""After so many seconds without a wrong one for a name, nothing of it counts."""
_FORGIVEN: Final = 60.0
"""After so many seconds one of those of an address counts no longer: many may share it."""
_MOST: Final = 10_000
"""So many pairs and addresses are remembered; the oldest leave."""
_IPV6_PREFIX: Final = 64
"""Who has one IPv6 address has all that begin as it does."""

Key = tuple[str, str]
"""A name and a place; the name is empty for the place alone."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Wrong passwords in a row."""

    count: float
    last: float
    """When the last came, in seconds."""


def pause(count: float, free: int) -> float:
    """The seconds to wait after so many wrong ones: twice as long after each that is not free."""
    return 0.0 if count < free else min(LONGEST, 2.0 ** min(int(count) - free, 10))


def place_of(address: str) -> str:
    """An address, or of one of IPv6 the network that it is in."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known), _IPV6_PREFIX), strict=False))


class Delays:
    """What was tried. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[Key, Wrong] = OrderedDict()

    def wait(self, username: str, address: str, now: float) -> float:
        """For how long nothing is tried for them; 0: it is."""
        place = place_of(address)
        return max(
            self._left((username, place), FREE_TRIES, now),
            self._left(("", place), FREE_OF_ADDRESS, now),
        )

    def failed(self, username: str, address: str, now: float) -> None:
        """A wrong password came."""
        place = place_of(address)
        for key in ((username, place), ("", place)):
            counted = self._counted(key, now)
            self._wrong.pop(key, None)
            self._wrong[key] = Wrong(counted + 1, now)
        while len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """The one that was taken for wrong was right: what was tried for the name counts no longer.
        What was for the address does, for it may be another's name that is tried between."""
        place = place_of(address)
        self._wrong.pop((username, place), None)
        if (wrong := self._wrong.get(("", place))) is not None:
            self._wrong["", place] = Wrong(max(0.0, wrong.count - 1), wrong.last)

    def _left(self, key: Key, free: int, now: float) -> float:
        wrong = self._wrong.get(key)
        if wrong is None or self._counted(key, now) == 0:
            return 0.0
        return max(0.0, wrong.last + pause(wrong.count, free) - now)

    def _counted(self, key: Key, now: float) -> float:
        """How many count still."""
        wrong = self._wrong.get(key)
        if wrong is None or now - wrong.last > _FORGOTTEN:
            return 0.0
        username, _ = key
        return wrong.count if username else max(0.0, wrong.count - (now - wrong.last) / _FORGIVEN)
