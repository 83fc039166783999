"""Sessions in the database: made, changed, spoken in and forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import delete, insert, select, update

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import (
    ListMessagesRequest,
    ListMessagesResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    SendMessageRequest,
    Session,
    SessionMessage,
)
from funland_server.belonging import rows as belongings
from funland_server.belonging.rows import Thing
from funland_server.chat import adding, pages, reading
from funland_server.chat.adding import Begun
from funland_server.chat.errors import MessageNotFoundError
from funland_server.chat.rows import (
    MESSAGE,
    message_of,
    message_row,
    message_values,
    present,
    session_of,
    session_values,
    titled,
    words,
)
from funland_server.chat.tables import messages, session_tags, sessions, unfinished
from funland_server.chat.titles import beginning
from funland_server.chat.words import said_in
from funland_server.storage import owners
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Written:
    """An answer that is to be saved as far as it is."""

    message: SessionMessage
    event: int = 0
    """The number of the event that tells its end; 0: it goes on."""
    gives_back: bool = False
    """Nothing happened in its session since, so that the numbers which it did not need can be given
    back: `event` is the latest."""


@dataclass(frozen=True, slots=True)
class SessionStore:
    """The sessions that are kept. What writes raises StorageFullError where the disk is full.

    Who changes a session holds it: see `OpenSession.changing`.
    """

    database: Database
    home_id: str
    """Whose server writes the answers that it begins."""

    async def create(self, session: Session, copied: Sequence[SessionMessage] = ()) -> None:
        """Keeps a new session, with the messages of the one that it is forked from, each with the
        id that it has here. A caller that is cancelled meanwhile has made none."""
        first = beginning(said_in(copied[0].message)) if copied else ""
        values = {
            **session_values(session, first),
            "session_id": session.session_id,
            "create_time": session.create_time.ToMicroseconds(),
            "update_time": session.update_time.ToMicroseconds(),
            "head": session.head_message_id,
            "messages": len(copied),
            "last_event": 0,
            "beginning": first,
        }
        rows = [
            message_row(one, place, event=0, home_id=self.home_id)
            for place, one in enumerate(copied, start=1)
        ]

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(insert(sessions).values(values))
            await _write_tags(connection, session)
            await belongings.keep(
                connection, self.database.dialect, Thing.SESSION, session.session_id
            )
            if rows:
                await connection.execute(insert(messages), rows)

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(sessions).where(sessions.c.session_id == session.session_id)
            )
            await belongings.drop(connection, Thing.SESSION, [session.session_id])

        await self.database.write(insert_it, give_back=take_it_back)

    async def get(self, session_id: str) -> Session:
        """A session; raises SessionNotFoundError."""

        async def read(connection: AsyncConnection) -> Session:
            return present(await reading.session_row(connection, session_id))

        return await self.database.read(read)

    async def page(self, request: ListSessionsRequest) -> ListSessionsResponse:
        """See `pages.page`."""
        return await self.database.read(partial(pages.page, request=request))

    async def update(
        self, session_id: str, change: Callable[[Session], None], *, last_event: int | None
    ) -> Session:
        """Changes what a session has in its own row, but for what counts its messages.

        Args:
            session_id: Whose.
            change: Is given the session, with the title that it was given.
            last_event: The number of its latest event then; None: as it is, and nothing is to be
                given back of what an answer has taken.

        Raises:
            SessionNotFoundError, or what `change` raises.
            MessageNotFoundError: It has no message of the id that is its head then.
        """

        async def write(connection: AsyncConnection) -> Session:
            row = await reading.session_row(connection, session_id, lock=True)
            session = session_of(row)
            change(session)
            head = session.head_message_id
            is_new = head not in ("", row.head)
            if is_new and not await reading.find(connection, session_id, [head]):
                raise MessageNotFoundError(session_id, head)
            session.update_time.GetCurrentTime()
            session.last_event = row.last_event if last_event is None else last_event
            await connection.execute(
                update(sessions)
                .where(sessions.c.session_id == session_id)
                .values(
                    **session_values(session, row.beginning),
                    head=head,
                    update_time=session.update_time.ToMicroseconds(),
                    last_event=session.last_event,
                )
            )
            await _write_tags(connection, session)
            return titled(session, row.beginning)

        return await self.database.write(write)

    async def remove(self, session_id: str) -> None:
        """Forgets a session with all its messages; raises SessionNotFoundError."""

        async def write(connection: AsyncConnection) -> None:
            await reading.session_row(connection, session_id, lock=True)
            await connection.execute(delete(sessions).where(sessions.c.session_id == session_id))
            await belongings.drop(connection, Thing.SESSION, [session_id])

        await self.database.write(write)

    async def begin(
        self, request: SendMessageRequest, ids: Callable[[], str], last_event: int
    ) -> Begun:
        """Keeps what is said, with a place for its answer. It is on the disk on return.

        Args:
            request: What is said; it has passed `saying.check`.
            ids: Gives a new message's id.
            last_event: The number of the session's latest event.

        Raises:
            SessionNotFoundError, MessageNotFoundError, FieldInvalidError: Nothing is kept.
        """

        async def write(connection: AsyncConnection) -> Begun:
            return await adding.add(connection, request, ids, last_event, self.home_id)

        return await self.database.write(write)

    async def reserve(self, session_id: str, last_event: int) -> None:
        """Lets events of a session be numbered up to this."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(
                update(sessions)
                .where(sessions.c.session_id == session_id)
                .values(last_event=last_event)
            )

        await self.database.write(write)

    async def had(self, session_id: str, idempotency_key: str) -> Begun | None:
        """What became of the call of that key; raises SessionNotFoundError."""

        async def read(connection: AsyncConnection) -> Begun | None:
            row = await reading.session_row(connection, session_id)
            return await adding.had(connection, row, idempotency_key)

        return await self.database.read(read)

    async def message(self, session_id: str, message_id: str) -> SessionMessage:
        """A message; raises SessionNotFoundError or MessageNotFoundError."""

        async def read(connection: AsyncConnection) -> SessionMessage:
            await reading.session_row(connection, session_id)
            found = list((await reading.find(connection, session_id, [message_id])).values())
            if not found:
                raise MessageNotFoundError(session_id, message_id)
            await reading.add_siblings(connection, session_id, found)
            return found[0]

        return await self.database.read(read)

    async def messages(self, request: ListMessagesRequest) -> ListMessagesResponse:
        """See `reading.page`."""
        return await self.database.read(partial(reading.page, request=request))

    async def branch(self, session_id: str, message_id: str = "") -> Begun:
        """A session, and the branch that ends with a message of it or with its head.

        Raises:
            SessionNotFoundError, MessageNotFoundError: It is not kept.
        """

        async def read(connection: AsyncConnection) -> Begun:
            row = await reading.session_row(connection, session_id)
            found = await reading.branch(connection, session_id, message_id or row.head)
            return Begun(present(row), (), tuple(found))

        return await self.database.read(read)

    async def whole(self, session_id: str) -> Begun:
        """A session, and all its messages in the order in which they came; raises
        SessionNotFoundError."""

        async def read(connection: AsyncConnection) -> Begun:
            row = await reading.session_row(connection, session_id)
            query = (
                select(*MESSAGE)
                .where(messages.c.session_id == session_id)
                .order_by(messages.c.place)
            )
            found = [message_of(row) for row in await connection.execute(query)]
            await reading.add_siblings(connection, session_id, found)
            return Begun(present(row), (), tuple(found))

        return await self.database.read(read)

    async def changed(
        self, session_id: str, after: int | None
    ) -> tuple[Session, list[SessionMessage]]:
        """A session, and those of its messages that were last told whole after an event; None: no
        messages. Raises SessionNotFoundError."""

        async def read(connection: AsyncConnection) -> tuple[Session, list[SessionMessage]]:
            session = present(await reading.session_row(connection, session_id))
            if after is None:
                return session, []
            query = (
                select(*MESSAGE)
                .where(messages.c.session_id == session_id, messages.c.event > after)
                .order_by(messages.c.place)
            )
            found = [message_of(row) for row in await connection.execute(query)]
            await reading.add_siblings(connection, session_id, found)
            return session, found

        return await self.database.read(read)

    async def save(self, written: Sequence[Written]) -> None:
        """Writes answers as far as they are, all or none. What is not kept any more stays
        forgotten. To save twice is no error."""
        # In one order, so that nobody waits for who waits for them.
        in_order = sorted(written, key=lambda one: one.message.session_id)
        now = _now()

        async def write_all(connection: AsyncConnection) -> None:
            for one in in_order:
                values = message_values(one.message)
                if one.event:
                    values["event"] = one.event
                    latest = {"last_event": one.event} if one.gives_back else {}
                    await connection.execute(
                        update(sessions)
                        .where(sessions.c.session_id == one.message.session_id)
                        .values(update_time=now, **latest)
                    )
                await connection.execute(
                    update(messages)
                    .where(messages.c.message_id == one.message.message_id)
                    .values(values)
                )

        await self.database.write(write_all)

    async def cut_off(self, *, starts: bool) -> int:
        """Marks what an earlier server left in progress, and says how many messages that were: for
        a server that starts or for one that runs; see `storage.owners`."""
        is_left = owners.left_at_start if starts else owners.left_by_others
        which = is_left(self.home_id, messages.c.home_id, sessions.c.update_time, owners.now())
        query = (
            select(*MESSAGE)
            .join(sessions, sessions.c.session_id == messages.c.session_id)
            .where(unfinished, which)
            .order_by(messages.c.session_id)
        )

        async def write(connection: AsyncConnection) -> int:
            rows = (await connection.execute(query)).all()
            for row in rows:
                session = await reading.session_row(connection, row.session_id, lock=True)
                event = session.last_event + 1
                await connection.execute(
                    update(sessions)
                    .where(sessions.c.session_id == row.session_id)
                    .values(last_event=event)
                )
                text = words(Message.FromString(row.said), SessionMessage.CUT_OFF)
                await connection.execute(
                    update(messages)
                    .where(messages.c.message_id == row.message_id)
                    .values(state=SessionMessage.CUT_OFF, event=event, words=text)
                )
            return len(rows)

        return await self.database.write(write)


async def _write_tags(connection: AsyncConnection, session: Session) -> None:
    which = session_tags.c.session_id == session.session_id
    await connection.execute(delete(session_tags).where(which))
    rows = [{"session_id": session.session_id, "tag": tag} for tag in session.tags]
    if rows:
        await connection.execute(insert(session_tags), rows)


def _now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
