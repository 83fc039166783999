"""Makes, changes, forks and removes sessions."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.empty_pb2 import Empty

from funland.v1.sessions_pb2 import (
    CreateSessionRequest,
    ForkSessionRequest,
    Session,
    SessionEvent,
    SessionMessage,
    UpdateSessionRequest,
)
from funland_server.chat.asking import Asking
from funland_server.chat.ids import new_message_id
from funland_server.chat.open_session import OpenSession
from funland_server.chat.open_sessions import OpenSessions
from funland_server.chat.saving import Saving
from funland_server.chat.store import SessionStore
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.waiting_out import wait_out

MOST_METADATA: Final = 16
"""As many keys as a session may begin with."""

CheckDevices = Callable[[Sequence[str]], Awaitable[None]]
"""Raises DeviceNotFoundError for an id that no device has."""


@dataclass(frozen=True, slots=True)
class Managing:
    """The sessions of one server."""

    sessions: OpenSessions
    store: SessionStore
    saving: Saving
    asking: Asking
    check_devices: CheckDevices

    async def create(self, request: CreateSessionRequest) -> Session:
        """See `SessionService.CreateSession`; raises as it says."""
        model = self.asking.model_id(request.model)
        await self.check_devices(request.device_ids)
        session = Session(
            session_id=_session_id(),
            title=request.title,
            tags=request.tags,
            metadata=request.metadata,
            model=model,
            device_ids=request.device_ids,
            system_message=request.system_message,
            sampling=request.sampling,
            tools=request.tools,
            mcp_servers=request.mcp_servers,
            overflow=request.overflow or Session.DROP_OLDEST,
            when_busy=request.when_busy or Session.WAIT,
            state=Session.IDLE,
        )
        if request.HasField("reasoning"):
            session.reasoning = request.reasoning
        session.create_time.GetCurrentTime()
        session.update_time.CopyFrom(session.create_time)
        await self.store.create(session)
        return session

    async def update(self, request: UpdateSessionRequest) -> Session:
        """See `SessionService.UpdateSession`; raises as it says."""
        model = self.asking.model_id(request.model) if request.HasField("model") else ""

        def change(session: Session) -> None:
            changed(session, request, model)

        async with self.sessions.open(request.session_id) as session, session.changing:
            # While an answer is written, numbers are there for it.
            last = None if session.writing is not None else session.journal.last + 1
            updated = await self.store.update(request.session_id, change, last_event=last)
            session.heed(updated)
            session.present(updated).last_event += 1  # of the event that tells it
            session.tell(SessionEvent(session=updated))
            return updated

    async def fork(self, request: ForkSessionRequest) -> Session:
        """See `SessionService.ForkSession`; raises as it says."""
        found = await self.store.branch(request.session_id, request.message_id)
        branch = [self.saving.present(message) for message in found.branch]
        session = found.session
        session.title = request.title or session.title
        session.forked_from.session_id = request.session_id
        session.forked_from.message_id = branch[-1].message_id if branch else ""
        session.session_id = _session_id()
        session.create_time.GetCurrentTime()
        session.update_time.CopyFrom(session.create_time)
        copied = copies(branch, session.session_id, new_message_id)
        session.head_message_id = copied[-1].message_id if copied else ""
        session.message_count = len(copied)
        session.last_event = 0
        await self.store.create(session, copied)
        return await self.store.get(session.session_id)

    async def remove(self, session_id: str) -> None:
        """See `SessionService.DeleteSession`; raises as it says."""
        async with self.sessions.open(session_id) as session:
            removing = asyncio.create_task(self._remove(session))
            if (told := await wait_out(removing)) is not None:
                removing.exception()  # asyncio would report that nobody asked
                raise told
            removing.result()

    async def _remove(self, session: OpenSession) -> None:
        session.deleted = True  # calls that wait fail when their turn comes
        if session.writing is not None:
            session.writing.stop(SessionMessage.CANCELLED)
        async with session.turn, session.changing:
            try:
                await self.store.remove(session.session_id)
            except BaseException:
                session.deleted = False
                raise
            session.tell(SessionEvent(deleted=Empty()))


def changed(session: Session, request: UpdateSessionRequest, model: str) -> None:
    """Changes a session as a request asks; `model` is the id of the model that it names."""
    for field in ("title", "system_message", "reasoning", "head_message_id"):
        if request.HasField(field):
            setattr(session, field, getattr(request, field))
    if request.HasField("tags"):
        session.tags[:] = request.tags.tags
    if request.HasField("mcp_servers"):
        session.mcp_servers[:] = request.mcp_servers.names
    if request.HasField("sampling"):
        session.sampling.CopyFrom(request.sampling)
    session.model = model or session.model
    session.overflow = request.overflow or session.overflow
    session.when_busy = request.when_busy or session.when_busy
    for name, value in request.metadata.items():
        if value:
            session.metadata[name] = value
        elif name in session.metadata:
            del session.metadata[name]
    if len(session.metadata) > MOST_METADATA:
        what = f"must not make it more than {MOST_METADATA} keys; an empty value removes one"
        raise FieldInvalidError([Violation("metadata", what)])


def copies(
    branch: Sequence[SessionMessage], session_id: str, ids: Callable[[], str]
) -> list[SessionMessage]:
    """The messages of a branch for another session. One that is being written is CANCELLED there,
    as far as it got: nobody writes it on."""
    known: dict[str, str] = {}
    copied: list[SessionMessage] = []
    for message in branch:
        copy = SessionMessage()
        copy.CopyFrom(message)
        copy.session_id = session_id
        copy.message_id = known[message.message_id] = ids()
        copy.parent_message_id = known.get(message.parent_message_id, "")
        copy.sibling_message_ids[:] = [copy.message_id]
        copy.dropped_message_ids[:] = [
            known[one] for one in message.dropped_message_ids if one in known
        ]
        if copy.state == SessionMessage.IN_PROGRESS:
            copy.state = SessionMessage.CANCELLED
        copied.append(copy)
    return copied


def _session_id() -> str:
    return f"sess_{uuid.uuid4().hex}"
