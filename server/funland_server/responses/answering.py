"""Answers conversations of which the caller tells only what is new."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final

from funland.v1.inference_pb2 import ChatRequest, GenerationOptions, Message
from funland.v1.responses_pb2 import CreateResponseRequest, Response, ResponseEvent
from funland_server.errors import FieldInvalidError, Violation
from funland_server.responses.background import Background
from funland_server.responses.drafts import Draft, without_messages
from funland_server.responses.making import StreamChat
from funland_server.responses.store import ResponseStore

MOST_MESSAGES: Final = 4096
"""As many as `ChatRequest` may have; here history and instructions count too."""


class Responses:
    """Makes responses, and keeps them before it says that they are complete."""

    def __init__(
        self,
        stream_chat: StreamChat,
        stream_kept_chat: StreamChat,
        store: ResponseStore,
        background: Background,
    ) -> None:
        """`stream_kept_chat` answers what is kept."""
        self._stream_chat = stream_chat
        self._stream_kept_chat = stream_kept_chat
        self._store = store
        self._background = background

    async def answer(self, request: CreateResponseRequest) -> AsyncGenerator[ResponseEvent]:
        """The events of a response. One that fails, or is not read to its end, is not kept, unless
        it is made in the background.

        Raises:
            FunlandError: See `ResponseService.CreateResponse` in `responses.proto`.
        """
        chat = await self._whole_chat(request)
        if request.background:
            making = await self._background.begin(request, chat)
            events = making.journal.read(after=0)
        else:
            events = self._made_here(request, chat)
        async with aclosing(events):
            async for event in events:
                yield event

    async def create(self, request: CreateResponseRequest) -> Response:
        """The complete response, or that of a background's beginning; raises as `answer`."""
        response = Response()
        async with aclosing(self.answer(request)) as events:
            async for event in events:
                if request.background:
                    return event.created
                if event.HasField("completed"):
                    response = event.completed
        return response

    async def _made_here(
        self, request: CreateResponseRequest, chat: ChatRequest
    ) -> AsyncGenerator[ResponseEvent]:
        draft = Draft(request)
        stream_chat = self._stream_kept_chat if draft.response.stored else self._stream_chat
        async with aclosing(stream_chat(chat)) as events:
            async for event in events:
                if (told := draft.take(event)) is not None:
                    yield told
        response = draft.completed()
        if response.stored:
            await self._store.add(response, list(request.chat.messages))
        yield ResponseEvent(completed=response)

    async def _whole_chat(self, request: CreateResponseRequest) -> ChatRequest:
        """The chat with all that the model is to know."""
        if untold := list(_untold(request.chat.options)):
            raise FieldInvalidError(untold)
        if request.background and request.HasField("store") and not request.store:
            raise FieldInvalidError(
                [Violation("store", "must be true in the background: nobody else has the answer")]
            )
        messages = list(request.chat.messages)
        if request.previous_response_id:
            messages = await self._store.history(request.previous_response_id) + messages
        if request.instructions:
            told = Message(role=Message.SYSTEM, content=request.instructions)
            messages = [told, *messages]
        if len(messages) > MOST_MESSAGES:
            raise FieldInvalidError(
                [Violation("previous_response_id", f"makes more than {MOST_MESSAGES} messages")]
            )
        chat = without_messages(request.chat)
        chat.messages.extend(messages)
        return chat


def _untold(options: GenerationOptions) -> Iterator[Violation]:
    """What a chat tells, and a response has no place for."""
    if options.n > 1:
        yield Violation("chat.options.n", "must be 1: a response is one")
    if options.HasField("prompt_logprobs"):
        yield Violation("chat.options.prompt_logprobs", "must be unset: only chats tell them")
