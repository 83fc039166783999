"""A session in which something is said, or which is watched."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from funland.v1.sessions_pb2 import Session, SessionEvent, SessionMessage
from funland_server.chat.journal import Journal
from funland_server.chat.writing import Writing
from funland_server.live import Live


class OpenSession:
    """What a server knows of a session beside its rows, as long as anyone has to do with it."""

    def __init__(self, session: Session, linger_seconds: Live[float]) -> None:
        """`session` is as the database has it; `linger_seconds` is how long an answer goes on that
        nobody follows; -1: to its end."""
        self.session_id = session.session_id
        self.refuses = False
        """Whether a call that comes while an answer is written is refused."""
        self.journal = Journal(session.last_event)
        self.turn = asyncio.Lock()
        """Whose answer is written: in the order in which they came."""
        self.waiting = 0
        """How many wait for it."""
        self.changing = asyncio.Lock()
        """Who writes what is numbered, so that numbers are those that the database allows."""
        self.writing: Writing | None = None
        self.reserved = session.last_event
        """The highest number that the database allows."""
        self.deleted = False
        self._linger = linger_seconds
        self._followers = 0
        self._timer: asyncio.TimerHandle | None = None
        self.heed(session)

    @property
    def busy(self) -> bool:
        """Whether an answer is written, or calls wait."""
        return self.turn.locked() or self.waiting > 0

    def heed(self, session: Session) -> None:
        """Goes by what a session says from now on."""
        self.refuses = session.when_busy == Session.REFUSE

    def tell(self, event: SessionEvent) -> None:
        """Shows an event to all who watch."""
        self.journal.add(event)

    def begin(self, writing: Writing, reserved: int) -> None:
        """An answer is written from now on."""
        self.writing = writing
        self.reserved = reserved
        self._set_timer()

    def end(self) -> None:
        """None is any more."""
        self.writing = None
        self._set_timer()
        self.journal.wake()

    def present(self, session: Session) -> Session:
        """A session of the database, changed into what it is now."""
        if self.writing is not None:
            session.state = Session.ANSWERING
        session.last_event = self.journal.last
        return session

    @contextmanager
    def following(self) -> Generator[None]:
        """Somebody cares for the answer that is written."""
        self._followers += 1
        self._set_timer()
        try:
            yield
        finally:
            self._followers -= 1
            self._set_timer()

    def _set_timer(self) -> None:
        """Gives an answer that nobody follows some time, and no more."""
        alone = self.writing is not None and not self._followers and self._linger.now >= 0
        if alone and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._linger.now, self._give_up)
        elif not alone and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.writing is not None:
            self.writing.stop(SessionMessage.CANCELLED)
