"""A reader's place among the events of a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager

from funland.v1.sessions_pb2 import SessionEvent, SessionMessage
from funland_server.chat.open_session import OpenSession
from funland_server.chat.saving import Saving
from funland_server.chat.store import SessionStore


class Follower:
    """Reads the events of a session. As long as it is there, somebody follows the answers.

    ```python
    with Follower.of(session, store, saving) as follower:
        for event in await follower.begin(after=7):
            ...
        while (event := follower.next()) is not None:
            ...
        await follower.changed.wait()
    ```
    """

    def __init__(
        self, session: OpenSession, store: SessionStore, saving: Saving, changed: asyncio.Event
    ) -> None:
        self._session = session
        self._store = store
        self._saving = saving
        self.changed = changed
        """Set when there may be something new."""
        self.place = session.journal.last
        """The number of the latest event that was read."""

    @classmethod
    @contextmanager
    def of(cls, session: OpenSession, store: SessionStore, saving: Saving) -> Generator[Follower]:
        """One that is at the end of what has happened."""
        with session.following(), session.journal.reader() as changed:
            yield cls(session, store, saving, changed)

    async def begin(self, after: int | None) -> list[SessionEvent]:
        """Goes to an event, and gives what is to be known there: the session, and where not all
        events since are here, the messages that are under way or have changed; None: those alone
        that are under way.

        Raises:
            SessionNotFoundError: It was deleted.
        """
        journal = self._session.journal
        if after is not None and after >= journal.first - 1:
            place = min(after, journal.last)
            session, _ = await self._store.changed(self._session.session_id, None)
            self.place = place
            return [SessionEvent(session=self._session.present(session))]
        while True:
            # What is read must be of one moment, and of the same as the answer that is written.
            seen = journal.last_whole
            session, found = await self._store.changed(self._session.session_id, after)
            if journal.last_whole == seen:
                break
        ids = {message.message_id for message in found}
        unsaved = self._saving.answers(self._session.session_id)
        found += [message for message in unsaved if message.message_id not in ids]
        self.place = journal.last
        return [
            SessionEvent(session=self._session.present(session)),
            *(_as_it_is(self._saving.present(message)) for message in found),
        ]

    def skip(self) -> None:
        """Goes to the end of what has happened."""
        self.place = self._session.journal.last

    def next(self) -> SessionEvent | None:
        """The next event; None if there is none, or if it is not here any more."""
        event = self._session.journal.get(self.place + 1)
        if event is None:
            self.changed.clear()
        else:
            self.place += 1
        return event

    async def events(self, after: int | None) -> AsyncGenerator[SessionEvent | None]:
        """What `begin` gives, then all events; None whenever there is no other. Who gets that waits
        for `changed` or for something else, and then goes on. Ends after `deleted`.

        Raises:
            SessionNotFoundError: It was deleted.
        """
        for event in await self.begin(after):
            yield event
        async with aclosing(self.rest()) as events:
            async for event in events:
                yield event

    async def rest(self) -> AsyncGenerator[SessionEvent | None]:
        """The same, from the place on."""
        while True:
            while (event := self.next()) is not None:
                yield event
                if event.HasField("deleted"):
                    return
            if self.place + 1 < self._session.journal.first:
                for event in await self.begin(self.place):
                    yield event
            else:
                yield None


def _as_it_is(message: SessionMessage) -> SessionEvent:
    return SessionEvent(message_id=message.message_id, message=message)
