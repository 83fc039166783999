"""Lets a caller watch a session and speak in it over one stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from typing import Final

from google.protobuf.empty_pb2 import Empty

from funland.v1.sessions_pb2 import ConverseRequest, SendMessageRequest, SessionEvent
from funland_server.chat.following import Follower
from funland_server.chat.open_session import OpenSession
from funland_server.chat.open_sessions import OpenSessions
from funland_server.chat.saving import Saving
from funland_server.chat.store import SessionStore
from funland_server.chat.turn import Turn
from funland_server.chat.turns import Turns
from funland_server.domain import RequestRefused
from funland_server.errors import (
    FieldInvalidError,
    ServerStoppingError,
    Violation,
)
from funland_server.inference.failing import told_error

_MOST_UNREAD: Final = 64
"""So many answers of its own a stream holds before no more is read of its caller."""


class Conversing:
    """The conversations of one server."""

    def __init__(
        self, sessions: OpenSessions, store: SessionStore, saving: Saving, turns: Turns
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._saving = saving
        self._turns = turns

    async def converse(
        self, requests: AsyncIterator[ConverseRequest]
    ) -> AsyncGenerator[SessionEvent]:
        """See `SessionService.Converse`. A request that breaks a rule is told as `rejected`, but
        for the first.

        Raises:
            FieldInvalidError: The first request is none that opens a session.
            SessionNotFoundError: It is not kept.
            ServerStoppingError: The server stops, and nothing more happens.
        """
        first = await anext(requests, None)
        if first is None:
            return
        if not first.HasField("open"):
            raise FieldInvalidError([Violation("open", "must be in the first message")])
        if not first.session_id:
            raise FieldInvalidError([Violation("session_id", "must be a session's id")])
        after = first.open.after if first.open.HasField("after") else None
        async with self._sessions.open(first.session_id) as session:
            with Follower.of(session, self._store, self._saving) as follower:
                conversation = _Conversation(session, self._turns, follower.changed)
                # Before anything is done that the caller says, so that it is told all of that.
                beginning = await follower.begin(after)
                listening = asyncio.create_task(conversation.listen(requests))
                try:
                    for event in beginning:
                        yield event
                    events = self._events(session, follower, conversation)
                    async with aclosing(events):
                        async for event in events:
                            yield event
                    if listening.done():
                        listening.result()
                finally:
                    listening.cancel()
                    await asyncio.wait([listening, *conversation.close()])

    async def _events(
        self,
        session: OpenSession,
        follower: Follower,
        conversation: _Conversation,
    ) -> AsyncGenerator[SessionEvent]:
        """What the session and the conversation tell."""
        async with aclosing(follower.rest()) as events:
            async for event in events:
                if event is not None:
                    yield conversation.referred(event)
                if event is not None and event.HasField("deleted"):
                    return
                while (own := conversation.next()) is not None:
                    yield own
                if event is None and not follower.changed.is_set():
                    if conversation.over:
                        return
                    if self._turns.stopping and not session.busy:
                        raise ServerStoppingError
                    await follower.changed.wait()


class _Conversation:
    """What one caller says, and what it alone is told."""

    def __init__(self, session: OpenSession, turns: Turns, changed: asyncio.Event) -> None:
        self._session = session
        self._turns = turns
        self._changed = changed
        self._own: deque[SessionEvent] = deque()
        self._read = asyncio.Event()
        self._references: dict[str, str] = {}
        """The caller's words, by the ids of the messages that are first told with them."""
        self._sends: set[asyncio.Task[None]] = set()
        self._unheard = 0
        """How much the caller has said of which it was told nothing yet."""
        self._silent = False
        self._unsaid = False
        """Whether something is not said since the server stops: the stream ends with that."""

    @property
    def over(self) -> bool:
        """Whether the caller has no more to say and to be told."""
        return self._silent and not (self._sends or self._own or self._unsaid)

    def next(self) -> SessionEvent | None:
        """What the caller alone is told next."""
        if not self._own:
            return None
        self._read.set()
        return self._own.popleft()

    def referred(self, event: SessionEvent) -> SessionEvent:
        """An event, with the caller's word for what it answers."""
        if event.HasField("message"):
            event.reference = self._references.pop(event.message_id, "")
        return event

    def close(self) -> list[asyncio.Task[None]]:
        """Says nothing more, nor what waits for its turn; gives what is then to be waited for."""
        for task in self._sends:
            task.cancel()
        return [*self._sends]

    async def listen(self, requests: AsyncIterator[ConverseRequest]) -> None:
        """Does what the caller says, until it says no more."""
        try:
            while True:
                try:
                    request = await anext(requests, None)
                except RequestRefused as refused:
                    told = refused.request
                    reference = told.reference if isinstance(told, ConverseRequest) else ""
                    self._reject(refused.error, reference)
                    continue
                if request is None:
                    break
                await self._do(request)
                while len(self._own) >= _MOST_UNREAD:
                    self._read.clear()
                    await self._read.wait()
        finally:
            self._silent = True
            self._changed.set()

    async def _do(self, request: ConverseRequest) -> None:
        reference = request.reference
        match request.WhichOneof("command"):
            case "send":
                self._unheard += 1
                task = asyncio.create_task(self._send(request.send, reference))
                self._sends.add(task)
                task.add_done_callback(self._sent)
            case "cancel":
                await self._cancel(request.cancel.message_id, reference)
            case "ping":
                self._tell(SessionEvent(pong=Empty(), reference=reference))
            case "open":
                self._reject(_invalid("open", "must be in the first message alone"), reference)
            case _:
                self._reject(_invalid("command", "must be one that is known"), reference)

    async def _send(self, request: SendMessageRequest, reference: str) -> None:
        session = self._session
        with ExitStack() as stack:

            def heard(turn: Turn) -> None:
                self._unheard -= 1
                stack.enter_context(session.following())
                self._hear(turn, reference)

            try:
                if request.session_id not in ("", session.session_id):
                    raise _invalid("send.session_id", "must be that of the stream, or empty")
                request.session_id = session.session_id
                turn = await self._turns.begin(session, request, heard)
            except Exception as error:
                self._unheard -= 1
                if isinstance(error, ServerStoppingError):
                    self._unsaid = True
                else:
                    self._reject(error, reference)
                return
            if turn.writing is not None:
                await turn.writing.ended.wait()

    def _hear(self, turn: Turn, reference: str) -> None:
        if turn.is_new:
            self._references[turn.begun.messages[0].message_id] = reference
            return
        # Of an answer that is written, the stream tells anyway.
        messages = turn.begun.messages if turn.writing is None else turn.begun.messages[:-1]
        for message in messages:
            event = SessionEvent(message_id=message.message_id, message=message)
            event.reference, reference = reference, ""
            self._tell(event)

    async def _cancel(self, message_id: str, reference: str) -> None:
        wanted = message_id or await self._written()
        if wanted:
            try:
                await self._turns.cancel(self._session.session_id, wanted)
            except Exception as error:
                self._reject(error, reference)

    async def _written(self) -> str:
        """The id of the answer that is written. What was said before may be on its way there."""
        session = self._session
        with session.journal.reader() as changed:
            while session.writing is None and self._unheard:
                await changed.wait()
                changed.clear()
        return session.writing.answer.message_id if session.writing is not None else ""

    def _reject(self, error: Exception, reference: str) -> None:
        told = told_error(error, session_id=self._session.session_id)
        self._tell(SessionEvent(rejected=told.to_wire(), reference=reference))

    def _tell(self, event: SessionEvent) -> None:
        self._own.append(event)
        self._changed.set()

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        self._session.journal.wake()


def _invalid(field: str, description: str) -> FieldInvalidError:
    return FieldInvalidError([Violation(field, description)])
