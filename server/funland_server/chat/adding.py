"""Adds what a call says to a session in the database, with a place for the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, select, update

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import SendMessageRequest, Session, SessionMessage
from funland_server.chat import reading
from funland_server.chat.rows import (
    MESSAGE,
    message_of,
    message_row,
    present,
    session_of,
    session_values,
    titled,
)
from funland_server.chat.saying import named, said
from funland_server.chat.tables import AnyRow, messages, sessions
from funland_server.chat.titles import beginning
from funland_server.chat.words import said_in
from funland_server.storage.connections import AsyncConnection

BLOCK: Final = 1_000_000
"""So many numbers of events are taken with the beginning of an answer, for all that it may tell;
those that it did not need are given back with its end."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a call has added to a session, or had before."""

    session: Session
    """As it then is, with its own title."""
    messages: tuple[SessionMessage, ...]
    """Those that were said, and the answer behind them."""
    branch: tuple[SessionMessage, ...] = ()
    """All before the answer, the oldest first."""
    first_event: int = 0
    """The number of the event for the first of the messages; the others' follow. 0: the session has
    had the call's `idempotency_key` before, and nothing was added."""


async def add(
    connection: AsyncConnection,
    request: SendMessageRequest,
    ids: Callable[[], str],
    last_event: int,
    home_id: str,
) -> Begun:
    """See `SessionStore.begin`."""
    row = await reading.session_row(connection, request.session_id, lock=True)
    if request.idempotency_key and (before := await had(connection, row, request.idempotency_key)):
        return before
    adds = await _adds(connection, row, request, ids)
    await _insert(connection, row, adds, last_event, home_id)
    return await _count(connection, row, adds, last_event)


async def had(connection: AsyncConnection, row: AnyRow, key: str) -> Begun | None:
    """What became of the call that has had a key."""
    which = (messages.c.session_id == row.session_id, messages.c.idempotency_key == key)
    found = (await connection.execute(select(*MESSAGE).where(*which))).one_or_none()
    if found is None:
        return None
    both = [message_of(found)]
    if both[0].message.role != Message.ASSISTANT:  # its answer came with it
        query = select(*MESSAGE).where(
            messages.c.session_id == row.session_id, messages.c.place == found.place + 1
        )
        both.append(message_of((await connection.execute(query)).one()))
    both[-1] = await _last_answer(connection, row.session_id, both[-1])
    await reading.add_siblings(connection, row.session_id, both)
    return Begun(present(row), tuple(both))


async def _last_answer(
    connection: AsyncConnection, session_id: str, answer: SessionMessage
) -> SessionMessage:
    """The answer behind all calls that the server made, whose results and answer came together."""
    while answer.steps and answer.state == SessionMessage.COMPLETED:
        query = (
            select(*MESSAGE)
            .where(
                messages.c.session_id == session_id,
                messages.c.place
                > select(messages.c.place)
                .where(
                    messages.c.session_id == session_id,
                    messages.c.message_id == answer.message_id,
                )
                .scalar_subquery(),
            )
            .order_by(messages.c.place)
            .offset(len(answer.steps))
            .limit(1)
        )
        found = (await connection.execute(query)).one_or_none()
        if found is None:
            break
        answer = message_of(found)
    return answer


@dataclass(frozen=True, slots=True)
class _Adds:
    """What a call adds to a session."""

    messages: tuple[SessionMessage, ...]
    """The answer is the last."""
    before: tuple[SessionMessage, ...]
    """Those of their branch."""
    idempotency_key: str


async def _adds(
    connection: AsyncConnection, row: AnyRow, request: SendMessageRequest, ids: Callable[[], str]
) -> _Adds:
    session_id = request.session_id
    known = await reading.find(connection, session_id, named(request, row.head))
    parents = {one.parent_message_id for one in known.values()} - {""}
    known |= await reading.find(connection, session_id, parents)
    adds = said(request, row.head, known)
    before = await reading.branch(connection, session_id, adds.parent)
    added: list[SessionMessage] = []
    parent = adds.parent
    for message in (*adds.messages, Message(role=Message.ASSISTANT)):
        one = SessionMessage(
            message_id=ids(),
            session_id=session_id,
            parent_message_id=parent,
            message=message,
            state=SessionMessage.COMPLETED,
        )
        one.create_time.GetCurrentTime()
        added.append(one)
        parent = one.message_id
    answer = added[-1]
    answer.state, answer.model = SessionMessage.IN_PROGRESS, row.model
    for one in added[:-1] or added:
        one.metadata.update(request.metadata)
    return _Adds(tuple(added), tuple(before), request.idempotency_key)


async def _insert(
    connection: AsyncConnection, row: AnyRow, adds: _Adds, last_event: int, home_id: str
) -> None:
    """Writes the messages that a call adds."""
    rows = [
        message_row(one, row.messages + number, event=last_event + number, home_id=home_id)
        for number, one in enumerate(adds.messages, start=1)
    ]
    if adds.idempotency_key:  # by what was said last its answer is found too
        rows[max(len(rows) - 2, 0)]["idempotency_key"] = adds.idempotency_key
    await connection.execute(insert(messages), rows)
    await reading.add_siblings(connection, row.session_id, adds.messages)


async def _count(connection: AsyncConnection, row: AnyRow, adds: _Adds, last_event: int) -> Begun:
    """Writes into a session's row what follows from messages that were added."""
    first = row.beginning
    if not row.messages:
        first = beginning(said_in(adds.messages[0].message))
    values: dict[str, Any] = {
        "head": adds.messages[-1].message_id,
        "messages": row.messages + len(adds.messages),
        "update_time": time.time_ns() // 1000,
        "last_event": last_event + len(adds.messages) + BLOCK,
    }
    session = session_of(row)
    if first != row.beginning:
        values |= {"beginning": first, **session_values(session, first)}
    await connection.execute(
        update(sessions).where(sessions.c.session_id == row.session_id).values(values)
    )
    return Begun(
        titled(session, first),
        adds.messages,
        (*adds.before, *adds.messages[:-1]),
        first_event=last_event + 1,
    )
