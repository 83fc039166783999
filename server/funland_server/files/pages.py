"""Lists the files in the database, a page at a time."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from funland.v1.files_pb2 import ListFilesRequest, ListFilesResponse
from funland_server.belonging.rows import Thing, seen
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.store import alive, whole
from funland_server.files.tables import files
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_PAGE_SIZE: Final = 100
# Of files of the same microsecond, the ids decide.
_ORDER: Final = (files.c.create_time, files.c.file_id)
_TOKEN: Final = re.compile(r"([0-9]{1,18}):([A-Za-z0-9_-]{1,128})")
"""A time and an id: so a page has a next one though its last file is gone."""


async def page(database: Database, request: ListFilesRequest, now: int) -> ListFilesResponse:
    """The files that a request asks for at a time; raises FieldInvalidError for its
    `page_token`."""
    return await database.read(partial(_page, request=request, now=now))


async def _page(
    connection: AsyncConnection, request: ListFilesRequest, now: int
) -> ListFilesResponse:
    """All of it in one state of the database."""
    count = select(func.count()).select_from(files).where(*_wanted(request, now))
    total = (await connection.execute(count)).scalar_one()
    after = await _place(connection, request.page_token) if request.page_token else None
    size = request.page_size or _PAGE_SIZE
    rows = (await connection.execute(chosen(request, now, after).limit(size + 1))).all()
    last = rows[size - 1] if len(rows) > size else None
    return ListFilesResponse(
        files=[whole(row) for row in rows[:size]],
        next_page_token="" if last is None else f"{last.create_time}:{last.file_id}",
        total_size=total,
    )


def chosen(
    request: ListFilesRequest, now: int, after: tuple[int, str] | None
) -> Select[*tuple[Any, ...]]:
    """What passes the filters, in order, after a file's time and id."""
    query = select(files).where(*_wanted(request, now))
    if after is not None:
        order = tuple_(*_ORDER)
        query = query.where(order > after if request.oldest_first else order < after)
    return query.order_by(*(each.asc() if request.oldest_first else each.desc() for each in _ORDER))


def _wanted(request: ListFilesRequest, now: int) -> list[ColumnElement[bool]]:
    own = [files.c.purpose == request.purpose] if request.purpose else []
    return [alive(now), seen(Thing.FILE, files.c.file_id), *own]


async def _place(connection: AsyncConnection, token: str) -> tuple[int, str]:
    """Where the page begins: after this file."""
    if told := _TOKEN.fullmatch(token):
        return int(told[1]), told[2]
    found = await connection.execute(select(files.c.create_time).where(files.c.file_id == token))
    create_time = found.scalar_one_or_none()
    if create_time is None:
        raise FieldInvalidError([Violation("page_token", "names no file that is kept")])
    return create_time, token
