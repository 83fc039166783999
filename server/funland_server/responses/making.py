"""One response that is made in the background, from the model's first event to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from time import monotonic
from typing import Final

import structlog

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatRequest, GenerationEvent
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_server.errors import ServerStoppingError
from funland_server.inference.failing import told_error
from funland_server.responses.drafts import Draft
from funland_server.responses.journal import Journal

logger = structlog.get_logger(__name__)

StreamChat = Callable[[ChatRequest], AsyncGenerator[GenerationEvent]]
"""Answers a whole conversation, as `InferenceService.StreamChat` does."""

CUT_OFF: Final = "The server ended before the response was complete."


class Making:
    """A response that a model writes, whether somebody reads it or not."""

    def __init__(self, draft: Draft) -> None:
        self.response_id = draft.response.response_id
        self.model = draft.response.model
        self.journal = Journal()
        self.begin_time = monotonic()
        self.task: asyncio.Task[None] | None = None
        """Carries it until its end is saved."""
        self.journal.add(ResponseEvent(created=draft.response))
        self._draft = draft
        self._writing: asyncio.Task[None] | None = None
        self._stopped = False
        self._cancelled = False

    @property
    def response(self) -> Response:
        """The response as it stands, without its answer."""
        return self._draft.response

    async def write(self, stream_chat: StreamChat, chat: ChatRequest) -> Response:
        """Has the chat answered, and gives the response as it ended: whole, or FAILED, or
        CANCELLED with what was written."""
        self._writing = asyncio.create_task(self._write(stream_chat, chat))
        if self._stopped:
            self._writing.cancel()
        await asyncio.wait([self._writing])
        if self._writing.cancelled():
            if self._cancelled:
                return self._draft.cancelled()
            return self._draft.failed(ServerStoppingError(CUT_OFF).to_wire())
        if (error := self._writing.exception()) is not None:
            return self.failed(error)
        return self._draft.completed()

    def failed(self, error: BaseException) -> Response:
        """The response with what was written of it, for a failure."""
        return self._draft.failed(told_error(error, response_id=self.response_id).to_wire())

    def stop(self, *, cancelled: bool = False) -> None:
        """Ends the writing, because a caller `cancelled` it or because the server stops."""
        self._stopped = True
        self._cancelled = self._cancelled or cancelled
        if self._writing is not None:
            self._writing.cancel()

    def report(self, ended: Response) -> None:
        """Writes a line about the end to the log."""
        logger.info(
            "response_ended",
            response_id=self.response_id,
            model=self.model,
            state=Response.State.Name(ended.state),
            reason=ErrorReason.Name(ended.error.reason) if ended.HasField("error") else None,
            ms=round(1e3 * (monotonic() - self.begin_time), 1),
        )

    async def _write(self, stream_chat: StreamChat, chat: ChatRequest) -> None:
        async with aclosing(stream_chat(chat)) as events:
            async for event in events:
                told = self._draft.take(event)
                if told is not None and not told.HasField("created"):  # it was told before
                    self.journal.add(told)
