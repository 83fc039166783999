"""Answers chats; those that name MCP servers in rounds of calls that the server makes itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from funland.v1.inference_pb2 import ChatRequest, Finish, GenerationEvent
from funland_server.errors import FieldInvalidError, Violation
from funland_server.inference.generation import Generations, Made, from_chat
from funland_server.inference.rounds.calling import calls_made
from funland_server.inference.rounds.handing import Handing
from funland_server.inference.rounds.step import (
    DEFAULT_ROUNDS,
    End,
    asked_again,
    first_request,
    loosened,
    next_step,
    results,
)
from funland_server.inference.rounds.total import Total
from funland_server.inference.texts import Completed, Text, Texts
from funland_server.mcp.domain import Mcp
from funland_server.mcp.toolbox import Toolbox
from funland_server.workers.errors import ConstraintInvalidError, ConstraintLimitError

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chats:
    """All chats of one server."""

    generations: Generations
    mcp: Mcp

    def stream(
        self, request: ChatRequest, made: Made | None = None, *, lasting: bool = False
    ) -> AsyncGenerator[GenerationEvent]:
        """The events of a chat; closing the generator ends it. `lasting` is one that the server
        keeps.

        Raises:
            FunlandError: See `InferenceService` in `inference.proto`.
        """

        def asked(chat: ChatRequest) -> AsyncGenerator[GenerationEvent]:
            submit = from_chat(chat, lasting=lasting)
            return self.generations.stream(chat.model, submit, made)

        return self._rounds(request, asked) if request.mcp_servers else asked(request)

    async def complete(self, request: ChatRequest, made: Made | None = None) -> Completed:
        """A chat's whole texts; raises as `stream`."""
        texts = Texts()
        async with aclosing(self.stream(request, made)) as events:
            async for event in events:
                texts.add(event)
        return texts.completed()

    async def _rounds(
        self,
        request: ChatRequest,
        asked: Callable[[ChatRequest], AsyncGenerator[GenerationEvent]],
    ) -> AsyncGenerator[GenerationEvent]:
        if request.options.n > 1:
            raise FieldInvalidError([Violation("options.n", "must be 1 with mcp_servers")])
        own = [tool.name for tool in request.tools]
        toolbox = await self.mcp.toolbox(request.mcp_servers, own)
        async with aclosing(Rounds(request, toolbox).events(asked)) as events:
            async for event in events:
                yield event


class Rounds:
    """One chat, from the model's first message to its last."""

    def __init__(self, request: ChatRequest, toolbox: Toolbox) -> None:
        self._request = request
        self._toolbox = toolbox
        has_most = request.HasField("max_tool_rounds")
        self._left = request.max_tool_rounds if has_most else DEFAULT_ROUNDS
        sampling = request.sampling
        self._limit = sampling.max_tokens if sampling.HasField("max_tokens") else None
        self._total = Total()
        self._made = 0
        self._model = ""

    async def events(
        self, asked: Callable[[ChatRequest], AsyncGenerator[GenerationEvent]]
    ) -> AsyncGenerator[GenerationEvent]:
        """What the caller is told; `asked` gives the events of one message of the model."""
        chat = first_request(self._request, self._toolbox.told())
        while True:
            text, handing = Text(), Handing(self._toolbox.__contains__)
            try:
                async with aclosing(asked(chat)) as events:
                    async for event in events:
                        if (told := self._heard(event, text, handing)) is not None:
                            yield told
            except (ConstraintInvalidError, ConstraintLimitError) as error:
                loose = loosened(chat, self._toolbox.__contains__, error.message)
                if self._model or loose is None:  # the servers' tools are not to blame
                    raise
                logger.warning("mcp_schema_not_compiled", reason=error.message)
                chat = loose
                continue
            self._total.add(text.finish)
            message = text.message
            step = next_step(
                text.finish.reason,
                message.tool_calls,
                self._toolbox.__contains__,
                rounds_left=self._left,
                tokens_left=self._total.tokens_left(self._limit),
            )
            if isinstance(step, End):
                if (handed := handing.handed(step.handed)) is not None:
                    yield GenerationEvent(delta=handed)
                yield self._finish(step.reason, text)
                return
            self._left -= 1
            self._made += 1
            texts: dict[str, str] = {}
            async with aclosing(calls_made(self._toolbox, step.calls, self._made)) as steps:
                async for one in steps:
                    texts[one.call.id] = one.text
                    yield GenerationEvent(tool_step=one)
            if step.handed:
                yield self._finish(Finish.TOOL_CALLS, text)
                return
            told_results = results(step.calls, [texts[call.id] for call in step.calls])
            chat = asked_again(
                chat,
                [message, *told_results],
                self._request.tools,
                model=self._model,
                rounds_left=self._left,
                tokens_left=self._total.tokens_left(self._limit),
            )

    def _heard(
        self, event: GenerationEvent, text: Text, handing: Handing
    ) -> GenerationEvent | None:
        """What the caller is told of an event of one message."""
        match event.WhichOneof("event"):
            case "start":
                if self._model:
                    return None
                self._model = event.start.model
            case "delta":
                text.add(event.delta)
                delta = handing.told(event.delta)
                if delta is None:
                    return None
                return event if delta is event.delta else GenerationEvent(delta=delta)
            case "finish":
                text.finish.CopyFrom(event.finish)
                return None
            case _:
                pass
        return event

    def _finish(self, reason: Finish.Reason.ValueType, text: Text) -> GenerationEvent:
        finish = Finish(
            reason=reason, usage=self._total.usage, timings=self._total.timings,
            stop=text.finish.stop,
        )  # fmt: skip
        return GenerationEvent(finish=finish)
