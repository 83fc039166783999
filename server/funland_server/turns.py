"""One at a time for each of many things."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)


class Turns(Generic[K]):
    """`async with turns.of(key)` waits until nobody else does so for that key.

    A lock is forgotten when nobody holds it or waits for it. One that is released is not that
    yet: whoever waited takes it a moment later.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: K) -> asyncio.Lock:
        """That of one thing."""
        return self._locks.setdefault(key, asyncio.Lock())

    def taken(self, key: K) -> bool:
        """Whether anybody has it or waits for it."""
        return key in self._locks
