"""Lists the sessions in the database, a page at a time, and finds them by words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, tuple_

from funland.v1.sessions_pb2 import ListSessionsRequest, ListSessionsResponse
from funland_server.belonging.rows import Thing, seen
from funland_server.chat.rows import session_of
from funland_server.chat.tables import messages, session_tags, sessions
from funland_server.chat.words import words_of
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.connections import AsyncConnection

LARGEST_PAGE: Final = 16 * 1024**2
"""A page ends early when its sessions have so many bytes together, so that it can be sent."""
_PAGE_SIZE: Final = 20
_TOKEN: Final = re.compile(r"([0-9]{1,18})\.([\x21-\x7e]{1,128})")
# Of sessions of the same microsecond, the ids decide.
_ORDER: Final = (sessions.c.update_time, sessions.c.session_id)


async def page(connection: AsyncConnection, request: ListSessionsRequest) -> ListSessionsResponse:
    """The sessions that a request asks for, IDLE, those first in which something happened last.

    A page's token is the place of its last session when it was given, so that the next page goes on
    there whatever happened to that session meanwhile.

    Raises:
        FieldInvalidError: The `page_token` was never given out.
    """
    counted = select(func.count()).select_from(sessions).where(*_filters(request))
    total = await connection.execute(counted)
    size = request.page_size or _PAGE_SIZE
    rows = (await connection.execute(chosen(request).limit(size + 1))).all()
    answer = ListSessionsResponse(total_size=total.scalar_one())
    bytes_ = 0
    for row in rows[:size]:
        bytes_ += len(row.session)
        if answer.sessions and bytes_ > LARGEST_PAGE:
            break
        session = session_of(row)
        session.title = session.title or row.beginning
        answer.sessions.append(session)
    if len(answer.sessions) < len(rows):
        last = rows[len(answer.sessions) - 1]
        answer.next_page_token = f"{last.update_time}.{last.session_id}"
    return answer


def chosen(request: ListSessionsRequest) -> Select[*tuple[Any, ...]]:
    """What a request asks for from its page on, in order."""
    query = select(sessions).where(*_filters(request))
    if request.page_token:
        place: ColumnElement[Any] = tuple_(*_ORDER)
        query = query.where(place < _place(request.page_token))
    return query.order_by(*(each.desc() for each in _ORDER))


def _filters(request: ListSessionsRequest) -> Iterator[ColumnElement[bool]]:
    yield seen(Thing.SESSION, sessions.c.session_id)
    if request.model:
        yield sessions.c.model == request.model
    for tag in dict.fromkeys(request.tags):
        yield sessions.c.session_id.in_(
            select(session_tags.c.session_id).where(session_tags.c.tag == tag)
        )
    for word in words_of(request.query):
        said = exists().where(
            messages.c.session_id == sessions.c.session_id,
            messages.c.words.contains(word, autoescape=True),
        )
        yield or_(sessions.c.words.contains(word, autoescape=True), said)


def _place(token: str) -> tuple[int, str]:
    if (match := _TOKEN.fullmatch(token)) is None:
        raise FieldInvalidError(
            [Violation("page_token", "it must be the next_page_token of a page before")]
        )
    return int(match[1]), match[2]
