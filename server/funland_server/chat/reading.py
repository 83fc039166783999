"""Finds messages in the database: by id, of a branch, or in the order in which they came."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select

from funland.v1.sessions_pb2 import ListMessagesRequest, ListMessagesResponse, SessionMessage
from funland_server.chat.errors import MessageNotFoundError, SessionNotFoundError
from funland_server.chat.rows import MESSAGE, message_of
from funland_server.chat.tables import AnyRow, messages, sessions
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.connections import AsyncConnection

LARGEST_PAGE: Final = 16 * 1024**2
"""A page ends early when its messages have so many bytes together, so that it can be sent."""
_PAGE_SIZE: Final = 100
_LONGEST_NUMBER: Final = 9
_MOST_NAMED: Final = 1000
"""So many ids a query names; beyond that all are asked for."""


async def session_row(
    connection: AsyncConnection, session_id: str, *, lock: bool = False
) -> AnyRow:
    """A session's row, held until the end of the transaction if it is locked; raises
    SessionNotFoundError."""
    query = select(sessions).where(sessions.c.session_id == session_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise SessionNotFoundError(session_id)
    return row


async def find(
    connection: AsyncConnection, session_id: str, message_ids: Collection[str]
) -> dict[str, SessionMessage]:
    """Those of the messages that the session has, by id, without siblings."""
    if not message_ids:
        return {}
    query = select(*MESSAGE).where(
        messages.c.session_id == session_id, messages.c.message_id.in_(message_ids)
    )
    rows = await connection.execute(query)
    return {row.message_id: message_of(row) for row in rows}


async def branch(
    connection: AsyncConnection, session_id: str, message_id: str
) -> list[SessionMessage]:
    """The messages until one, itself included, the oldest first, without siblings; none for no id.

    Raises:
        MessageNotFoundError: The session has no such message.
    """
    if not message_id:
        return []
    ids = _branch_ids(session_id, message_id)
    query = select(*MESSAGE).where(messages.c.message_id.in_(ids)).order_by(messages.c.place)
    found = [message_of(row) for row in await connection.execute(query)]
    if not found:
        raise MessageNotFoundError(session_id, message_id)
    return found


async def add_siblings(
    connection: AsyncConnection, session_id: str, found: Sequence[SessionMessage]
) -> None:
    """Lets messages of one session name all that follow the same one."""
    parents = {one.parent_message_id for one in found}
    query = (
        select(messages.c.parent, messages.c.message_id)
        .where(messages.c.session_id == session_id)
        .order_by(messages.c.place)
    )
    if len(parents) <= _MOST_NAMED:
        query = query.where(messages.c.parent.in_(parents))
    after: dict[str, list[str]] = {}
    for row in await connection.execute(query):
        after.setdefault(row.parent, []).append(row.message_id)
    for one in found:
        one.sibling_message_ids[:] = after[one.parent_message_id]


async def page(connection: AsyncConnection, request: ListMessagesRequest) -> ListMessagesResponse:
    """The messages that a request asks for.

    Raises:
        SessionNotFoundError, MessageNotFoundError: It is not kept.
        FieldInvalidError: The `page_token` was never given out.
    """
    session_id = request.session_id
    row = await session_row(connection, session_id)
    place = _place(request.page_token)
    which = messages.c.session_id == session_id
    if not request.all_branches:
        last = request.message_id or row.head
        if last and not await find(connection, session_id, [last]):
            raise MessageNotFoundError(session_id, last)
        which = messages.c.message_id.in_(_branch_ids(session_id, last))
    total = await connection.execute(select(func.count()).select_from(messages).where(which))
    size = func.length(messages.c.said) + func.length(messages.c.message)
    wanted = request.page_size or _PAGE_SIZE
    query = (
        select(messages.c.message_id, messages.c.place, size.label("size"))
        .where(which, messages.c.place > place)
        .order_by(messages.c.place)
        .limit(wanted + 1)
    )
    candidates = (await connection.execute(query)).all()
    chosen = _that_fit(candidates[:wanted])
    known = await find(connection, session_id, [one.message_id for one in chosen])
    found = [known[one.message_id] for one in chosen]
    await add_siblings(connection, session_id, found)
    return ListMessagesResponse(
        messages=found,
        next_page_token=str(chosen[-1].place) if len(chosen) < len(candidates) else "",
        total_size=total.scalar_one(),
    )


def _branch_ids(session_id: str, message_id: str) -> Select[tuple[str]]:
    """The ids of a branch's messages. Each is older than those that follow it."""
    columns = (messages.c.message_id, messages.c.parent)
    chain = (
        select(*columns)
        .where(messages.c.session_id == session_id, messages.c.message_id == message_id)
        .cte("branch", recursive=True)
    )
    chain = chain.union_all(select(*columns).where(messages.c.message_id == chain.c.parent))
    return select(chain.c.message_id)


def _that_fit(candidates: Sequence[AnyRow]) -> list[Any]:
    """Those from the first that a page can hold; the first always does."""
    chosen: list[Any] = []
    total = 0
    for row in candidates:
        total += row.size
        if chosen and total > LARGEST_PAGE:
            break
        chosen.append(row)
    return chosen


def _place(token: str) -> int:
    if not token:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= _LONGEST_NUMBER):
        raise FieldInvalidError(
            [Violation("page_token", "it must be the next_page_token of a page before")]
        )
    return int(token)
