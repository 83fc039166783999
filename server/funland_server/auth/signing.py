"""The keys that sign tokens, in the database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import delete, insert, select, update

from funland_server.auth.tables import signing_keys
from funland_server.auth.tokens import SigningKey, new_signing_key
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_FRESH_SECONDS: Final = 5.0
"""For so long keys are taken to be as they were: another server of the database may change them."""


@dataclass(slots=True)
class SigningKeys:
    """One signs, and those before it are known until what they signed has expired."""

    database: Database
    _current: SigningKey | None = None
    _known: dict[str, bytes] = field(default_factory=dict[str, bytes])
    _read_at: float = -_FRESH_SECONDS

    async def current(self) -> SigningKey:
        """The one that signs; makes the first."""
        await self._fresh()
        if self._current is None:
            await self.rotate(_now(), 0, forget=False)
        if self._current is None:
            raise RuntimeError("There is no key that signs.")
        return self._current

    async def known(self) -> Mapping[str, bytes]:
        """All that count, by their ids."""
        await self._fresh()
        return self._known

    async def rotate(self, now: int, keep_seconds: float, *, forget: bool) -> None:
        """Makes another sign. The one before counts on, unless they are to be forgotten; those
        that signed nothing for `keep_seconds` are."""
        made = new_signing_key()
        old = now - int(keep_seconds * 1e6)

        async def write(connection: AsyncConnection) -> None:
            column = signing_keys.c
            await connection.execute(
                update(signing_keys).where(column.retire_time.is_(None)).values(retire_time=now)
            )
            gone = column.retire_time <= (now if forget else old)
            await connection.execute(delete(signing_keys).where(gone))
            await connection.execute(
                insert(signing_keys).values(kid=made.kid, secret=made.secret, create_time=now)
            )

        await self.database.write(write)
        self._read_at = -_FRESH_SECONDS
        await self._fresh()

    async def _fresh(self) -> None:
        if time.monotonic() - self._read_at < _FRESH_SECONDS:
            return

        async def find(connection: AsyncConnection) -> list[tuple[str, bytes, bool]]:
            column = signing_keys.c
            query = select(signing_keys).order_by(column.create_time)
            return [
                (row.kid, bytes(row.secret), row.retire_time is None)
                for row in await connection.execute(query)
            ]

        found = await self.database.read(find)
        self._known = {kid: secret for kid, secret, _ in found}
        signs = [SigningKey(kid, secret) for kid, secret, current in found if current]
        self._current = signs[-1] if signs else None
        self._read_at = time.monotonic()


def _now() -> int:
    return time.time_ns() // 1000
