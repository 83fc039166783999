"""Says things in sessions, and has them answered: one after the other in each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from funland.v1.inference_pb2 import GenerationEvent
from funland.v1.sessions_pb2 import SendMessageRequest, SessionEvent, SessionMessage
from funland_server.chat import adding
from funland_server.chat.adding import Begun
from funland_server.chat.advancing import advance
from funland_server.chat.answer import Answer
from funland_server.chat.asking import Asking
from funland_server.chat.errors import SessionBusyError, SessionNotFoundError
from funland_server.chat.ids import new_message_id
from funland_server.chat.open_session import OpenSession
from funland_server.chat.open_sessions import OpenSessions
from funland_server.chat.saving import Saving
from funland_server.chat.saying import check
from funland_server.chat.store import SessionStore
from funland_server.chat.turn import Turn
from funland_server.chat.writing import Writing
from funland_server.errors import ServerStoppingError
from funland_server.metrics import Metrics

MOST_WAITING: Final = 64
"""So many calls may wait in a session."""
_MARGIN: Final = 64
"""So many numbers are left for other events when more are taken."""


class Turns:
    """All turns of one server. A turn goes on without its caller once it has begun."""

    def __init__(
        self,
        sessions: OpenSessions,
        store: SessionStore,
        saving: Saving,
        asking: Asking,
        metrics: Metrics,
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._saving = saving
        self._asking = asking
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopping = False
        """No more turns are begun."""
        self._closing = False

    async def begin(
        self,
        session: OpenSession,
        request: SendMessageRequest,
        heard: Callable[[Turn], None] = lambda turn: None,
    ) -> Turn:
        """Waits for the turn of a call, and keeps what it says. For a caller that is cancelled
        while it waits, nothing is kept.

        Args:
            session: Held by the caller.
            request: The call.
            heard: Is given the turn before anybody is told of it.

        Raises:
            FieldInvalidError, MessageNotFoundError, SessionNotFoundError, SessionBusyError,
            StorageFullError, ServerStoppingError: Nothing is kept.
        """
        check(request)
        if had := await self._had(session, request):
            return self._again(session, had, [heard])
        await self._wait(session)
        begun: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        hears = [heard]
        held = ExitStack()  # from now on, whatever becomes of the caller
        held.enter_context(self._sessions.held(session))
        task = asyncio.create_task(self._carry(held, session, request, begun, hears))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            hears.clear()
            # Nobody asks any more why it could not be begun, if so, and asyncio would report that.
            begun.add_done_callback(lambda future: future.exception())
            raise

    async def cancel(self, session_id: str, message_id: str) -> SessionMessage:
        """Ends an answer that is written, and gives the message as it is then.

        Raises:
            SessionNotFoundError, MessageNotFoundError: It is not kept.
        """
        async with self._sessions.open(session_id) as session:
            writing = session.writing
            if writing is not None and writing.answer.message_id == message_id:
                writing.stop(SessionMessage.CANCELLED)
                await writing.ended.wait()
        return self._saving.present(await self._store.message(session_id, message_id))

    async def drain(self, seconds: float) -> None:
        """Begins no more, and waits for those under way, at most so long."""
        self.announce_stop()
        if self._tasks:
            await asyncio.wait([*self._tasks], timeout=seconds)

    def announce_stop(self) -> None:
        """Begins no more; who watches a session in which nothing happens is let go."""
        self.stopping = True
        for session in self._sessions:
            session.journal.wake()

    async def close(self) -> None:
        """Ends those that are under way: they are CUT_OFF. Closing twice is no error."""
        self.stopping = self._closing = True
        for session in self._sessions:
            if session.writing is not None:
                session.writing.stop(SessionMessage.CUT_OFF)
        if self._tasks:
            await asyncio.wait([*self._tasks])
        await self._saving.close()

    async def _had(self, session: OpenSession, request: SendMessageRequest) -> Begun | None:
        """What became of a call that was made before, if that is known before its turn. Where calls
        wait, nothing is asked of the database: another might come first meanwhile."""
        key, writing = request.idempotency_key, session.writing
        if key and writing is not None and writing.idempotency_key == key:
            return replace(writing.begun, first_event=0)
        refuses = session.busy and session.refuses
        if refuses or session.waiting >= MOST_WAITING:
            if key and (had := await self._store.had(session.session_id, key)):
                return had
            message_id = writing.answer.message_id if writing is not None else ""
            waiting = 0 if refuses else session.waiting
            raise SessionBusyError(session.session_id, message_id, waiting)
        return None

    async def _wait(self, session: OpenSession) -> None:
        """Takes the session's turn when it comes."""
        session.waiting += 1
        try:
            await session.turn.acquire()
        finally:
            session.waiting -= 1
            session.journal.wake()  # while the server stops, readers go when nobody waits
        if session.deleted or self.stopping:
            session.turn.release()
            if session.deleted:
                raise SessionNotFoundError(session.session_id)
            raise ServerStoppingError

    async def _carry(
        self,
        held: ExitStack,
        session: OpenSession,
        request: SendMessageRequest,
        begun: asyncio.Future[Turn],
        hears: Sequence[Callable[[Turn], None]],
    ) -> None:
        """Carries a turn from its beginning in the database to its end there."""
        with held:
            try:
                try:
                    turn = await self._keep(session, request, hears)
                except Exception as error:  # it is the caller's
                    begun.set_exception(error)
                    return
                begun.set_result(turn)
                if turn.writing is not None:
                    await self._write(session, request, turn.begun, turn.writing)
            finally:
                session.turn.release()

    async def _keep(
        self,
        session: OpenSession,
        request: SendMessageRequest,
        hears: Sequence[Callable[[Turn], None]],
    ) -> Turn:
        """Keeps what is said, and then tells it."""
        async with session.changing:
            begun = await self._store.begin(request, new_message_id, session.journal.last)
            if not begun.first_event:
                return self._again(session, begun, hears)
            answer = Answer(begun.messages[-1], self._asking.told_of(begun.session, begun.branch))
            turn = Turn(begun, Writing(answer, begun, request.idempotency_key))
            assert turn.writing is not None  # noqa: S101 - for the type
            self._saving.begin(answer)
            self._metrics.session_answers_active.inc()
            latest = session.journal.last + len(begun.messages)
            session.begin(turn.writing, latest + adding.BLOCK)
            if self._closing:
                turn.writing.stop(SessionMessage.CUT_OFF)
            if session.deleted:
                turn.writing.stop(SessionMessage.CANCELLED)
            for heard in hears:
                heard(turn)
            for message in begun.messages:
                session.tell(SessionEvent(message_id=message.message_id, message=message))
        return turn

    async def _write(
        self, session: OpenSession, request: SendMessageRequest, begun: Begun, writing: Writing
    ) -> None:
        told_of = writing.answer.told

        async def take(event: GenerationEvent) -> None:
            if writing.answer.has_results and not event.HasField("tool_step"):
                await advance(session, writing, self._store, self._saving)
            answer = writing.answer
            told = answer.take(event, self._asking.examples)
            if told is None:
                return
            if session.journal.last + _MARGIN >= session.reserved:
                await self._reserve(session)
            session.tell(told)
            if told.HasField("delta") or told.HasField("tool_step"):
                self._saving.grown(answer)

        await writing.run(self._asking.stream(begun.session, request, told_of), take)
        async with session.changing:
            event = await self._saved(session, writing)
            writing.answer.shown = True
            session.tell(event)
            session.end()
        writing.ended.set()
        writing.report()
        self._metrics.session_answers_active.dec()
        state = SessionMessage.State.Name(event.message.state)
        self._metrics.session_answers.labels(state).inc()

    async def _saved(self, session: OpenSession, writing: Writing) -> SessionEvent:
        """The end of an answer, when it is saved. One that can't be has failed; it is held, so that
        callers are told why and nobody waits for it."""
        number = session.journal.last + 1
        event = writing.answer.tell_end(number)
        try:
            await self._saving.end(writing.answer)
        except Exception as error:  # whatever it is: the answer must end
            writing.fail(error)
            event = writing.answer.tell_end(number)
            self._saving.hold(writing.answer)
        return event

    async def _reserve(self, session: OpenSession) -> None:
        """Takes more numbers for the events of an answer that has more to tell than any should."""
        async with session.changing:
            highest = session.journal.last + _MARGIN + adding.BLOCK
            await self._store.reserve(session.session_id, highest)
            session.reserved = highest

    def _again(
        self, session: OpenSession, had: Begun, hears: Sequence[Callable[[Turn], None]]
    ) -> Turn:
        """The turn of a call that was made before."""
        writing = session.writing
        if writing is not None and writing.answer.message_id != had.messages[-1].message_id:
            writing = None
        messages = tuple(self._saving.present(message) for message in had.messages)
        turn = Turn(Begun(had.session, messages), writing)
        for heard in hears:
            heard(turn)
        return turn
