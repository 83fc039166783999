"""Has the model of a session answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeAlias

from funland.v1.inference_pb2 import ChatRequest, GenerationEvent, GenerationOptions, Message
from funland.v1.models_pb2 import LoadSettings
from funland.v1.sessions_pb2 import SendMessageRequest, Session, SessionMessage
from funland_server.chat.errors import ContextLengthExceededError
from funland_server.chat.telling import Told, told
from funland_server.inference.defaults import fill_sampling
from funland_server.models.domain import Models
from funland_server.workers.errors import PromptTooLongError

StreamChat: TypeAlias = Callable[[ChatRequest], AsyncGenerator[GenerationEvent]]
"""Answers a whole conversation, as `InferenceService.StreamChat` does."""

_LIMITS: Final = ("max_prompt_tokens", "context_length")


@dataclass(frozen=True, slots=True)
class Asking:
    """The models that answer sessions."""

    models: Models
    stream_chat: StreamChat

    def model_id(self, name: str) -> str:
        """What a session keeps of a model's or deployment's name; raises ModelNotFoundError."""
        if name and self.models.served.find(name) is not None:
            return name
        return self.models.catalog.get(name).model_id

    def examples(self, model_id: str) -> int:
        """How many messages a model's publisher puts before a conversation."""
        wanted = self.models.loader.defaults(model_id).messages
        return sum(message.role != Message.SYSTEM for message in wanted)

    def told_of(self, session: Session, branch: Sequence[SessionMessage]) -> Told:
        """Which of a branch's messages the model is told."""
        if not drops_oldest(session):
            return told(branch)
        served = self.models.served.find(session.model)
        return told(branch, begins_as=served.model_id if served is not None else session.model)

    async def stream(
        self, session: Session, request: SendMessageRequest, tells: Told
    ) -> AsyncGenerator[GenerationEvent]:
        """The model's answer.

        Raises:
            ContextLengthExceededError: The conversation does not fit its context.
            FunlandError: See `InferenceService.Chat`.
        """
        await self._load(session)
        try:
            async with aclosing(self.stream_chat(chat_of(session, request, tells))) as events:
                async for event in events:
                    yield event
        except PromptTooLongError as error:
            raise exceeded(session, error) from error

    async def _load(self, session: Session) -> None:
        """Loads the model where the session wants it, if it is not in memory."""
        if not session.device_ids or self.models.served.find(session.model) is not None:
            return
        model = self.models.catalog.get(session.model)
        if self.models.pool.worker(model.model_id) is None:
            settings = LoadSettings(device_ids=session.device_ids)
            await self.models.loader.load(model, settings)


def chat_of(session: Session, request: SendMessageRequest, tells: Told) -> ChatRequest:
    """What the model is asked."""
    chat = ChatRequest(
        model=session.model,
        messages=tells.messages,
        sampling=request.sampling,
        tools=session.tools,
        mcp_servers=session.mcp_servers,
        drop_oldest=drops_oldest(session),
        options=GenerationOptions(progress=True, priority=request.priority),
    )
    if session.system_message:
        chat.messages.insert(0, Message(role=Message.SYSTEM, content=session.system_message))
    fill_sampling(chat.sampling, session.sampling)
    if request.HasField("format"):
        chat.format.CopyFrom(request.format)
    if request.HasField("tool_choice"):
        chat.tool_choice.CopyFrom(request.tool_choice)
    for one in (session, request):
        if one.HasField("reasoning"):
            chat.reasoning = one.reasoning
    return chat


def drops_oldest(session: Session) -> bool:
    """Whether turns are left out of what the model is told, where all of them don't fit."""
    return session.overflow != Session.FAIL


def exceeded(session: Session, error: PromptTooLongError) -> ContextLengthExceededError:
    """What the caller of a session is told of a prompt that is too long."""
    metadata = error.metadata
    limit = next((metadata[name] for name in _LIMITS if name in metadata), "")
    count = metadata.get("prompt_tokens", "")
    what, remedy = (
        ("The last turn and the system message have", "Say less")
        if drops_oldest(session)
        else ("The conversation has", "Let the oldest turns leave (`overflow`)")
    )
    return ContextLengthExceededError(
        f"{what} {count} tokens, and model {session.model!r} takes {limit}. {remedy}, go on after"
        " an earlier message, or load the model with a longer context.",
        session_id=session.session_id,
        model=metadata.get("model", session.model),
        limit_tokens=limit,
        prompt_tokens=count,
    )
