"""What belongs to whom. Only what users make has a row: without accounts there is none, and nothing
that is done costs more for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import IntEnum, unique
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import ColumnElement, delete, select, true

from funland_server.belonging.tables import belongings
from funland_server.identity import caller
from funland_server.storage.backend import Dialect
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.inserting import insert_into

_thing, _id, _user = belongings.c.thing, belongings.c.thing_id, belongings.c.user_id

Owned = Callable[[Message], Awaitable[None]]
"""Raises the NotFoundError of the first thing that a request names and that is not there for its
caller. Every call that comes from outside passes it; so must what is asked on a user's behalf."""


@unique
class Thing(IntEnum):
    """What can belong to somebody. The numbers are in databases."""

    FILE = 1
    TASK = 2
    BATCH = 3
    RESPONSE = 4
    SESSION = 5


async def keep(
    connection: AsyncConnection,
    dialect: Dialect,
    thing: Thing,
    thing_id: str,
    user_id: str | None = None,
) -> None:
    """Notes that a thing is a user's, by default the caller's. To note it twice is no error."""
    owner = caller().user_id if user_id is None else user_id
    if owner:
        row = {"thing": thing, "thing_id": thing_id, "user_id": owner}
        statement = insert_into(belongings, dialect).on_conflict_do_nothing()
        await connection.execute(statement.values(row))


async def drop(connection: AsyncConnection, thing: Thing, ids: Iterable[str]) -> None:
    """Things are no more."""
    if gone := list(ids):
        await connection.execute(delete(belongings).where(_thing == thing, _id.in_(gone)))


async def sweep(connection: AsyncConnection, thing: Thing, still: ColumnElement[Any]) -> None:
    """Forgets whose those things were that are not in a column any more."""
    gone = _id.not_in(select(still))
    await connection.execute(delete(belongings).where(_thing == thing, gone))


async def owner(connection: AsyncConnection, thing: Thing, thing_id: str) -> str:
    """Whose a thing is; empty: nobody's."""
    query = select(_user).where(_thing == thing, _id == thing_id)
    return (await connection.execute(query)).scalar_one_or_none() or ""


def seen(thing: Thing, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row's thing, whose id is in a column, is there for the caller."""
    who = caller()
    if who.is_admin:
        return true()
    return column.in_(select(_id).where(_user == who.user_id, _thing == thing))
