"""Answers conversations of which the caller tells only what is new."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from funland.v1.inference_pb2 import ChatRequest, Finish, GenerationEvent, Message
from funland.v1.responses_pb2 import CreateResponseRequest, Response, ResponseEvent
from funland_server.errors import FieldInvalidError, Violation
from funland_server.inference.texts import Text
from funland_server.responses.store import ResponseStore

StreamChat = Callable[[ChatRequest], AsyncGenerator[GenerationEvent]]
"""Answers a whole conversation, as `InferenceService.StreamChat` does."""

MOST_MESSAGES: Final = 4096
"""As many as `ChatRequest` may have; here history and instructions count too."""


class Responses:
    """Makes responses, and keeps them before it says that they are complete."""

    def __init__(self, stream_chat: StreamChat, store: ResponseStore) -> None:
        self._stream_chat = stream_chat
        self._store = store

    async def answer(self, request: CreateResponseRequest) -> AsyncGenerator[ResponseEvent]:
        """The events of a response. One that fails, or is not read to its end, is not kept.

        Raises:
            FunlandError: See `ResponseService.CreateResponse` in `responses.proto`.
        """
        chat = await self._whole_chat(request)
        response = _begun(request)
        text = Text()
        async with aclosing(self._stream_chat(chat)) as events:
            async for event in events:
                match event.WhichOneof("event"):
                    case "start":
                        response.model = event.start.model
                        yield ResponseEvent(created=response)
                    case "queued":
                        yield ResponseEvent(queued=event.queued)
                    case "delta":
                        text.add(event.delta)
                        yield ResponseEvent(delta=event.delta)
                    case "finish":
                        text.finish = event.finish
                    case _:
                        pass
        _complete(response, text)
        if response.stored:
            await self._store.add(response, list(request.chat.messages))
        yield ResponseEvent(completed=response)

    async def whole(self, request: CreateResponseRequest) -> Response:
        """The complete response; raises as `answer`."""
        response = Response()
        async with aclosing(self.answer(request)) as events:
            async for event in events:
                if event.HasField("completed"):
                    response = event.completed
        return response

    async def _whole_chat(self, request: CreateResponseRequest) -> ChatRequest:
        """The chat with all that the model is to know."""
        if request.chat.options.n > 1:
            raise FieldInvalidError([Violation("chat.options.n", "must be 1: a response is one")])
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
        chat = _without_messages(request.chat)
        chat.messages.extend(messages)
        return chat


def _without_messages(chat: ChatRequest) -> ChatRequest:
    rest = ChatRequest()
    rest.CopyFrom(chat)
    rest.ClearField("messages")
    return rest


def _begun(request: CreateResponseRequest) -> Response:
    response = Response(
        response_id=f"resp_{uuid.uuid4().hex}",
        state=Response.IN_PROGRESS,
        previous_response_id=request.previous_response_id,
        instructions=request.instructions,
        request=_without_messages(request.chat),
        metadata=request.metadata,
        stored=request.store if request.HasField("store") else True,
    )
    response.create_time.GetCurrentTime()
    return response


def _complete(response: Response, text: Text) -> None:
    cut_off = text.finish.reason == Finish.LENGTH
    response.state = Response.INCOMPLETE if cut_off else Response.COMPLETED
    response.output.CopyFrom(text.message)
    response.logprobs.extend(text.logprobs)
    response.usage.CopyFrom(text.finish.usage)
    response.timings.CopyFrom(text.finish.timings)
    response.finish_reason = text.finish.reason
