"""Logins in the database: each has a refresh token that counts, and those that were used."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select, update

from funland_server.auth.errors import CredentialsExpiredError, CredentialsInvalidError
from funland_server.auth.tables import logins, refresh_tokens
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_PREFIX: Final = "flr_"


@dataclass(frozen=True, slots=True)
class Login:
    """A login, and its refresh token."""

    login_id: str
    user_id: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Logins:
    """All logins of a database. Times are microseconds since 1970."""

    database: Database

    async def begin(self, user_id: str, now: int, expire_time: int) -> Login:
        """Keeps a login, and forgets those that have expired."""
        login = Login("log_" + secrets.token_hex(12), user_id, _new_token())

        async def write(connection: AsyncConnection) -> None:
            old = select(logins.c.login_id).where(logins.c.expire_time <= now)
            await connection.execute(
                delete(refresh_tokens).where(refresh_tokens.c.login_id.in_(old))
            )
            await connection.execute(delete(logins).where(logins.c.expire_time <= now))
            await connection.execute(
                insert(logins).values(
                    login_id=login.login_id, user_id=user_id, create_time=now,
                    expire_time=expire_time,
                )
            )  # fmt: skip
            await _add(connection, login)

        await self.database.write(write)
        return login

    async def refresh(self, token: str, now: int) -> Login | None:
        """Uses a refresh token up, and gives the login the next one. None: it was used before, and
        the login is over, for somebody else may have it.

        Raises:
            CredentialsInvalidError: It is none.
            CredentialsExpiredError: The login's time is over.
        """

        async def write(connection: AsyncConnection) -> Login | None:
            query = (
                select(refresh_tokens.c.use_time, logins)
                .join(logins, logins.c.login_id == refresh_tokens.c.login_id)
                .where(refresh_tokens.c.hash == _hashed(token))
                .with_for_update()
            )
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise CredentialsInvalidError
            if row.use_time is not None:
                await _end(connection, row.login_id)
                return None
            if row.expire_time <= now:
                raise CredentialsExpiredError
            await connection.execute(
                update(refresh_tokens)
                .where(refresh_tokens.c.hash == _hashed(token))
                .values(use_time=now)
            )
            login = Login(row.login_id, row.user_id, _new_token())
            await _add(connection, login)
            return login

        return await self.database.write(write)

    async def of_refresh_token(self, token: str) -> str | None:
        """The id of the login that a refresh token belongs to; None: it is none."""

        async def find(connection: AsyncConnection) -> str | None:
            query = select(refresh_tokens.c.login_id).where(refresh_tokens.c.hash == _hashed(token))
            return (await connection.execute(query)).scalar_one_or_none()

        return await self.database.read(find)

    async def user_of(self, login_id: str, now: int) -> str | None:
        """Whose login it is; None: there is none, or its time is over."""

        async def find(connection: AsyncConnection) -> str | None:
            query = select(logins.c.user_id).where(
                logins.c.login_id == login_id, logins.c.expire_time > now
            )
            return (await connection.execute(query)).scalar_one_or_none()

        return await self.database.read(find)

    async def end(self, login_id: str) -> None:
        """Ends a login."""

        async def write(connection: AsyncConnection) -> None:
            await _end(connection, login_id)

        await self.database.write(write)

    async def end_all(self) -> None:
        """Ends all logins."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(delete(refresh_tokens))
            await connection.execute(delete(logins))

        await self.database.write(write)


async def _add(connection: AsyncConnection, login: Login) -> None:
    values = {"hash": _hashed(login.refresh_token), "login_id": login.login_id}
    await connection.execute(insert(refresh_tokens).values(values))


async def _end(connection: AsyncConnection, login_id: str) -> None:
    await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.login_id == login_id))
    await connection.execute(delete(logins).where(logins.c.login_id == login_id))


def _new_token() -> str:
    return _PREFIX + secrets.token_urlsafe(36)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
