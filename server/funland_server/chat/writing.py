"""One answer that a model writes, from its first event to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from time import monotonic

import structlog

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import GenerationEvent
from funland.v1.sessions_pb2 import SessionMessage
from funland_server.chat.adding import Begun
from funland_server.chat.answer import Answer
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.inference.failing import told_error

logger = structlog.get_logger(__name__)

CUT_OFF = "The server ended before the answer was complete."


class Writing:
    """An answer that is written whether somebody reads it or not."""

    def __init__(self, answer: Answer, begun: Begun, idempotency_key: str) -> None:
        """`idempotency_key` is that of the call which asks for it."""
        self.answer = answer
        self.begun = begun
        self.idempotency_key = idempotency_key
        self.error: FunlandError | None = None
        """Why there is no more of it, for those who wait for the whole."""
        self.ended = asyncio.Event()
        """Its end is saved and told, or can't be."""
        self.message_ids = {message.message_id for message in begun.messages}
        """Those of all its messages: what was said, its answers, and what came of their calls."""
        self._begin_time = monotonic()
        self._task: asyncio.Task[None] | None = None
        self._stopped: SessionMessage.State.ValueType | None = None

    async def run(
        self,
        events: AsyncGenerator[GenerationEvent],
        take: Callable[[GenerationEvent], Awaitable[None]],
    ) -> None:
        """Has each event taken, and leaves the answer as it ended."""
        self._task = asyncio.create_task(self._run(events, take))
        if self._stopped is not None:
            self._task.cancel()
        await asyncio.wait([self._task])
        if self._task.cancelled():
            self.answer.break_off(self._stopped or SessionMessage.CUT_OFF)
            if self._stopped != SessionMessage.CANCELLED:
                self.error = ServerStoppingError(CUT_OFF)
        elif (error := self._task.exception()) is not None:
            self.fail(error)
        else:
            self.answer.complete()

    def go_on(self, answer: Answer, begun: Begun, message_ids: Iterable[str]) -> None:
        """Another answer is the one that is written, behind calls that the server made."""
        self.answer, self.begun = answer, begun
        self.message_ids.update(message_ids)

    def fail(self, error: BaseException) -> None:
        """Leaves the answer FAILED."""
        self.error = told_error(error, message_id=self.answer.message_id)
        self.answer.fail(self.error.to_wire())

    def stop(self, state: SessionMessage.State.ValueType) -> None:
        """Ends the writing: the answer will be CANCELLED, or CUT_OFF since the server stops."""
        self._stopped = self._stopped or state
        if self._task is not None:
            self._task.cancel()

    def report(self) -> None:
        """Writes a line about the end to the log."""
        message = self.answer.written.message
        failed = message.HasField("error")
        logger.info(
            "answer_ended",
            session_id=message.session_id,
            message_id=message.message_id,
            model=message.model,
            state=SessionMessage.State.Name(message.state),
            reason=ErrorReason.Name(message.error.reason) if failed else None,
            ms=round(1e3 * (monotonic() - self._begin_time), 1),
        )

    async def _run(
        self,
        events: AsyncGenerator[GenerationEvent],
        take: Callable[[GenerationEvent], Awaitable[None]],
    ) -> None:
        async with aclosing(events):
            async for event in events:
                await take(event)
