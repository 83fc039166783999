"""Lets callers watch a session, or the turn that they began."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, asynccontextmanager

from funland.v1.sessions_pb2 import (
    SendMessageRequest,
    SendMessageResponse,
    SessionEvent,
    SessionMessage,
    WatchSessionRequest,
)
from funland_server.chat.following import Follower
from funland_server.chat.open_sessions import OpenSessions
from funland_server.chat.saving import Saving
from funland_server.chat.store import SessionStore
from funland_server.chat.turn import Turn
from funland_server.chat.turns import Turns
from funland_server.errors import FieldInvalidError, ServerStoppingError, Violation


class Watching:
    """What callers get of the sessions of one server."""

    def __init__(
        self, sessions: OpenSessions, store: SessionStore, saving: Saving, turns: Turns
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._saving = saving
        self._turns = turns

    async def watch(self, request: WatchSessionRequest) -> AsyncGenerator[SessionEvent]:
        """See `SessionService.WatchSession`.

        Raises:
            SessionNotFoundError: It is not kept.
            ServerStoppingError: The server stops, and nothing more happens.
        """
        after = request.after if request.HasField("after") else None
        async with self._sessions.open(request.session_id) as session:
            with Follower.of(session, self._store, self._saving) as follower:
                async with aclosing(follower.events(after)) as events:
                    async for event in events:
                        if event is not None:
                            yield event
                            continue
                        if self._turns.stopping and not session.busy:
                            raise ServerStoppingError
                        await follower.changed.wait()

    async def send(self, request: SendMessageRequest) -> SendMessageResponse:
        """See `SessionService.SendMessage`; raises as it says."""
        async with self._turn(request) as (turn, _):
            writing = turn.writing
            if writing is not None:
                await writing.ended.wait()
                if writing.error is not None:
                    raise writing.error
            return SendMessageResponse(sent=turn.sent, answer=turn.answer)

    async def stream(self, request: SendMessageRequest) -> AsyncGenerator[SessionEvent]:
        """See `SessionService.StreamMessage`; raises as it says."""
        async with self._turn(request) as (turn, follower):
            async with aclosing(_events(turn, follower)) as events:
                async for event in events:
                    yield event
            if turn.writing is not None and turn.writing.error is not None:
                raise turn.writing.error

    @asynccontextmanager
    async def _turn(self, request: SendMessageRequest) -> AsyncGenerator[tuple[Turn, Follower]]:
        """The turn that a caller begins, and the place of the caller at its beginning."""
        if not request.session_id:
            raise FieldInvalidError([Violation("session_id", "must be a session's id")])
        async with self._sessions.open(request.session_id) as session:
            with ExitStack() as stack:
                followers: list[Follower] = []

                def heard(turn: Turn) -> None:
                    del turn
                    follower = Follower.of(session, self._store, self._saving)
                    followers.append(stack.enter_context(follower))

                turn = await self._turns.begin(session, request, heard)
                yield turn, followers[0]


async def _events(turn: Turn, follower: Follower) -> AsyncGenerator[SessionEvent]:
    """What happens in a turn, until its answer has ended."""
    if not turn.is_new:
        for message in turn.begun.messages[:-1]:
            yield SessionEvent(message_id=message.message_id, message=message)
        if turn.writing is None or turn.writing.ended.is_set():
            answer = turn.answer
            yield SessionEvent(message_id=answer.message_id, message=answer)
            return
        follower.skip()
        yield SessionEvent(message_id=turn.answer.message_id, message=turn.answer)
    async with aclosing(follower.rest()) as events:
        async for event in events:
            if event is None:
                await follower.changed.wait()
            elif event.message_id in turn.ids:
                yield event
                if _ends(event, turn.answer.message_id):
                    return


def _ends(event: SessionEvent, message_id: str) -> bool:
    whole = event.message_id == message_id and event.HasField("message")
    return whole and event.message.state != SessionMessage.IN_PROGRESS
