"""Users in the database."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from funland.v1.auth_pb2 import User
from funland_server.auth.errors import LastAdminError, UserExistsError, UserNotFoundError
from funland_server.auth.tables import access_keys, logins, refresh_tokens, users
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageUnavailableError

AnyRow = Row[*tuple[Any, ...]]


_TRIES: Final = 50
"""How often a user is added before others that are added at once make it fail."""


class Changes(TypedDict, total=False):
    """What changes of a user: columns of the table."""

    email: str
    role: User.Role.ValueType
    is_active: int
    password_hash: str


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and what is kept of the password."""

    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class People:
    """All users of a database. Times are microseconds since 1970."""

    database: Database

    async def add(self, user: User, password_hash: str) -> User:
        """Keeps a user, who gets the next number; raises UserExistsError."""

        async def insert_it(connection: AsyncConnection) -> User:
            if await _one(connection, users.c.folded == folded(user.username)) is not None:
                raise UserExistsError(user.username)
            highest = await connection.execute(select(func.max(users.c.number)))
            user.number = (highest.scalar_one() or 0) + 1
            values = _values(user) | {"user_id": user.user_id, "password_hash": password_hash}
            await connection.execute(insert(users).values(values))
            return user

        for _ in range(_TRIES):
            # Where several write at once, another may have taken the name or the number.
            with suppress(IntegrityError):
                return await self.database.write(insert_it)
        raise StorageUnavailableError("Too many users are made at once; try again.")

    async def get(self, user_id: str) -> Person:
        """A user; raises UserNotFoundError."""
        return await self._find(users.c.user_id == user_id, user_id)

    async def named(self, username: str) -> Person:
        """The user of a name, however it is written; raises UserNotFoundError."""
        return await self._find(users.c.folded == folded(username), username)

    async def page(self, after: int, size: int) -> tuple[list[User], int]:
        """Users whose numbers are over `after`, one more than `size` at most, and how many there
        are."""

        async def find(connection: AsyncConnection) -> tuple[list[User], int]:
            query = select(users).where(users.c.number > after).order_by(users.c.number)
            rows = (await connection.execute(query.limit(size + 1))).all()
            count = await connection.execute(select(func.count()).select_from(users))
            return [whole(row).user for row in rows], count.scalar_one()

        return await self.database.read(find)

    async def change(self, user_id: str, changes: Changes, *, ends_logins: bool) -> User:
        """Writes what changes of a user, and nothing else: meanwhile somebody may change the rest.

        Raises:
            UserNotFoundError
            LastAdminError: Nobody would be an active admin any more.
        """

        async def write(connection: AsyncConnection) -> User:
            mine = users.c.user_id == user_id
            there_was_one = await _locked(connection, user_id)
            if changes:
                await connection.execute(update(users).where(mine).values(**changes))
            if ends_logins:
                await _end_logins(connection, user_id)
            if there_was_one:
                await _keep_an_admin(connection)
            return whole((await connection.execute(select(users).where(mine))).one()).user

        return await self.database.write(write)

    async def logged_in(self, user_id: str, now: int) -> None:
        """Notes a login."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(
                update(users).where(users.c.user_id == user_id).values(login_time=now)
            )

        await self.database.write(write)

    async def remove(self, user_id: str) -> None:
        """Forgets a user, their keys and logins; raises as `change`."""

        async def write(connection: AsyncConnection) -> None:
            there_was_one = await _locked(connection, user_id)
            await _end_logins(connection, user_id)
            await connection.execute(delete(access_keys).where(access_keys.c.user_id == user_id))
            await connection.execute(delete(users).where(users.c.user_id == user_id))
            if there_was_one:
                await _keep_an_admin(connection)

        await self.database.write(write)

    async def has_admin(self) -> bool:
        """Whether there is an active admin."""

        async def find(connection: AsyncConnection) -> bool:
            return await _has_admin(connection)

        return await self.database.read(find)

    async def _find(self, wanted: ColumnElement[bool], told: str) -> Person:
        async def find(connection: AsyncConnection) -> AnyRow | None:
            return await _one(connection, wanted)

        row = await self.database.read(find)
        if row is None:
            raise UserNotFoundError(told)
        return whole(row)


def folded(username: str) -> str:
    """A name without regard to case."""
    return username.casefold()


def whole(row: AnyRow) -> Person:
    """The user of a row."""
    user = User(
        user_id=row.user_id,
        number=row.number,
        username=row.username,
        email=row.email,
        role=row.role,
        is_active=bool(row.is_active),
    )
    user.create_time.FromMicroseconds(row.create_time)
    if row.login_time is not None:
        user.login_time.FromMicroseconds(row.login_time)
    return Person(user, row.password_hash)


async def _one(connection: AsyncConnection, wanted: ColumnElement[bool]) -> AnyRow | None:
    return (await connection.execute(select(users).where(wanted))).one_or_none()


async def _locked(connection: AsyncConnection, user_id: str) -> bool:
    """Makes sure that a user is there, and that no other transaction changes who is an admin; and
    says whether there is an active one."""
    admins = select(users.c.user_id).where(users.c.role == User.ADMIN).order_by(users.c.user_id)
    await connection.execute(admins.with_for_update())
    found = select(users.c.user_id).where(users.c.user_id == user_id).with_for_update()
    if (await connection.execute(found)).one_or_none() is None:
        raise UserNotFoundError(user_id)
    return await _has_admin(connection)


async def _end_logins(connection: AsyncConnection, user_id: str) -> None:
    own = select(logins.c.login_id).where(logins.c.user_id == user_id)
    await connection.execute(delete(refresh_tokens).where(refresh_tokens.c.login_id.in_(own)))
    await connection.execute(delete(logins).where(logins.c.user_id == user_id))


async def _has_admin(connection: AsyncConnection) -> bool:
    wanted = (users.c.role == User.ADMIN, users.c.is_active == 1)
    return (
        await connection.execute(select(users.c.user_id).where(*wanted).limit(1))
    ).first() is not None


async def _keep_an_admin(connection: AsyncConnection) -> None:
    """Undoes what leaves no admin."""
    if not await _has_admin(connection):
        raise LastAdminError


def _values(user: User) -> dict[str, Any]:
    return {
        "number": user.number,
        "username": user.username,
        "folded": folded(user.username),
        "email": user.email,
        "role": user.role,
        "is_active": int(user.is_active),
        "create_time": user.create_time.ToMicroseconds(),
        "login_time": (user.login_time.ToMicroseconds() if user.HasField("login_time") else None),
    }
