"""Passwords: argon2 in threads of its own, so that those who log in don't slow those who call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

_TIME_COST: Final = 3
_MEMORY_KIB: Final = 64 * 1024
_AT_ONCE: Final = 1
"""How many are computed at once: each takes tens of milliseconds of a core, and 64 MiB."""


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, time_cost: int = _TIME_COST, memory_kib: int = _MEMORY_KIB) -> None:
        """How much a hash costs, as argon2 counts it; less is for tests."""
        self._cost = time_cost, memory_kib
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")
        self._hasher: PasswordHasher | None = None
        self._nobodys = ""

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        return await self._run(self._hash, password)

    async def right(self, password: str, kept: str) -> bool:
        """Whether it is the password of which `kept` is kept. Where nothing is kept, it takes as
        long to say no."""
        return await self._run(self._verify, password, kept)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _hash(self, password: str) -> str:
        return self._ready().hash(password)

    def _verify(self, password: str, kept: str) -> bool:
        from argon2.exceptions import VerificationError  # noqa: PLC0415 - see `_ready`

        hasher = self._ready()
        try:
            return hasher.verify(kept or self._nobodys, password) and bool(kept)
        except VerificationError:
            return False

    def _ready(self) -> PasswordHasher:
        """No server needs it before somebody logs in."""
        if self._hasher is None:
            from argon2 import PasswordHasher  # noqa: PLC0415 - as above

            time_cost, memory_kib = self._cost
            self._hasher = PasswordHasher(time_cost, memory_kib, parallelism=1)
            self._nobodys = self._hasher.hash("nobody has this password")
        return self._hasher
