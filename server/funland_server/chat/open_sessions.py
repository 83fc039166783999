"""The sessions that a server has to do with at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from funland.v1.sessions_pb2 import Session
from funland_server.chat.errors import SessionNotFoundError
from funland_server.chat.open_session import OpenSession
from funland_server.chat.store import SessionStore
from funland_server.live import Live


@dataclass(slots=True)
class _Place:
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    opened: OpenSession | None = None
    holders: int = 0


class OpenSessions:
    """Each is there once, however many have to do with it, and as long as anyone has."""

    def __init__(self, store: SessionStore, linger_seconds: Live[float]) -> None:
        self._store = store
        self._linger = linger_seconds
        self._places: dict[str, _Place] = {}

    def __iter__(self) -> Iterator[OpenSession]:
        """All of them."""
        opened = [place.opened for place in self._places.values()]
        return iter([one for one in opened if one is not None])

    @asynccontextmanager
    async def open(self, session_id: str) -> AsyncGenerator[OpenSession]:
        """A session, held within the block; raises SessionNotFoundError."""
        place = self._places.setdefault(session_id, _Place())
        with self._holding(session_id, place):
            # Its last number is read while it has its place here: who had it read before might
            # number events as others did that came and went meanwhile.
            async with place.opening:
                if place.opened is None:
                    session = await self._store.get(session_id)
                    place.opened = OpenSession(session, self._linger)
            if place.opened.deleted:
                raise SessionNotFoundError(session_id)
            yield place.opened

    @contextmanager
    def held(self, session: OpenSession) -> Generator[None]:
        """Holds one that is open for longer than the block that opened it."""
        with self._holding(session.session_id, self._places[session.session_id]):
            yield

    def present(self, session: Session) -> Session:
        """A session of the database, changed into what it is now."""
        place = self._places.get(session.session_id)
        if place is not None and place.opened is not None:
            place.opened.present(session)
        return session

    @contextmanager
    def _holding(self, session_id: str, place: _Place) -> Generator[None]:
        place.holders += 1
        try:
            yield
        finally:
            place.holders -= 1
            if not place.holders:
                del self._places[session_id]
