"""Access keys: what is kept of them, and how their secrets look."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, insert, or_, select, tuple_, update

from funland.v1.auth_pb2 import AccessKey, KeyLimits
from funland_server.auth.errors import AccessKeyNotFoundError
from funland_server.auth.tables import access_keys
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

AnyRow = Row[*tuple[Any, ...]]

PREFIX: Final = "fl_"
_ALPHABET: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 12
_LENGTH: Final = 48


def new_secret() -> str:
    """A key's secret: 48 letters and digits after the prefix, the first 12 of which are its id."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def id_of(secret: str) -> str | None:
    """The id of the key that a secret would be; None: it is no secret of a key."""
    whole = len(secret) == len(PREFIX) + _LENGTH and secret.startswith(PREFIX)
    plain = secret.isascii() and secret[len(PREFIX) :].isalnum()
    return secret[: len(PREFIX) + _ID_LENGTH] if whole and plain else None


def hashed(secret: str) -> str:
    """What is kept of a secret. It has 214 bits of chance, so that none is found by trying."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key, and what is kept of its secret."""

    key: AccessKey
    hash: str

    def is_of(self, secret: str) -> bool:
        """Whether it is this key's secret."""
        return hmac.compare_digest(self.hash, hashed(secret))


@dataclass(frozen=True, slots=True)
class Keys:
    """All access keys of a database. Times are microseconds since 1970."""

    database: Database

    async def add(self, key: AccessKey, secret: str) -> None:
        """Keeps a key."""
        values = {
            "key_id": key.key_id,
            "user_id": key.user_id,
            "name": key.name,
            "hash": hashed(secret),
            "scopes": " ".join(key.scopes),
            "limits": key.limits.SerializeToString(),
            "create_time": key.create_time.ToMicroseconds(),
            "expire_time": (
                key.expire_time.ToMicroseconds() if key.HasField("expire_time") else None
            ),
        }

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(insert(access_keys).values(values))

        await self.database.write(insert_it)

    async def get(self, key_id: str) -> KeptKey:
        """A key; raises AccessKeyNotFoundError."""

        async def find(connection: AsyncConnection) -> AnyRow | None:
            query = select(access_keys).where(access_keys.c.key_id == key_id)
            return (await connection.execute(query)).one_or_none()

        row = await self.database.read(find)
        if row is None:
            raise AccessKeyNotFoundError(key_id)
        return whole(row)

    async def page(
        self, user_id: str, *, ended: bool, now: int, after: tuple[int, str] | None, size: int
    ) -> tuple[list[AccessKey], int]:
        """Keys, the newest first, one more than `size` at most, and how many there are; of one
        user, or with an empty id of all."""
        wanted = [access_keys.c.user_id == user_id] if user_id else []
        if not ended:
            wanted.append(access_keys.c.revoke_time.is_(None))
            wanted.append(or_(access_keys.c.expire_time.is_(None), access_keys.c.expire_time > now))
        order = tuple_(access_keys.c.create_time, access_keys.c.key_id)

        async def find(connection: AsyncConnection) -> tuple[Sequence[AnyRow], int]:
            query = select(access_keys).where(*wanted)
            if after is not None:
                query = query.where(order < after)
            query = query.order_by(
                access_keys.c.create_time.desc(), access_keys.c.key_id.desc()
            ).limit(size + 1)
            counted = select(func.count()).select_from(access_keys).where(*wanted)
            rows = (await connection.execute(query)).all()
            return rows, (await connection.execute(counted)).scalar_one()

        rows, total = await self.database.read(find)
        return [whole(row).key for row in rows], total

    async def revoke(self, key_id: str, now: int) -> None:
        """Ends a key; one that has ended stays as it is."""
        await self._set(key_id, access_keys.c.revoke_time.is_(None), revoke_time=now)

    async def used(self, key_id: str, now: int) -> None:
        """Notes that a key was used."""
        await self._set(key_id, access_keys.c.key_id == key_id, use_time=now)

    async def _set(self, key_id: str, wanted: Any, **values: Any) -> None:
        async def write(connection: AsyncConnection) -> None:
            await connection.execute(
                update(access_keys).where(access_keys.c.key_id == key_id, wanted).values(**values)
            )

        await self.database.write(write)


def whole(row: AnyRow) -> KeptKey:
    """The key of a row."""
    key = AccessKey(
        key_id=row.key_id,
        user_id=row.user_id,
        name=row.name,
        scopes=row.scopes.split(),
        limits=KeyLimits.FromString(row.limits),
    )
    key.create_time.FromMicroseconds(row.create_time)
    for name in ("expire_time", "use_time", "revoke_time"):
        if (told := getattr(row, name)) is not None:
            getattr(key, name).FromMicroseconds(told)
    return KeptKey(key, row.hash)
