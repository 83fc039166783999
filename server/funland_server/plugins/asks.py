"""What a plugin asks models, answered as its caller would be, and hosts that it may ask."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import structlog

from funland.v1.inference_pb2 import ChatRequest, ChatResponse, GenerationOptions
from funland.worker.v1.plugin_pb2 import PluginAnswer, PluginAsk, ToPlugin
from funland_server.errors import FieldInvalidError, FunlandError, InternalError, Violation
from funland_server.plugins.errors import PluginDeniedError, PluginLimitExceededError
from funland_server.plugins.fetches import Fetches

logger = structlog.get_logger(__name__)

AT_ONCE: Final = 16
"""The SDK asks no more at once."""

Answering: TypeAlias = Callable[[ChatRequest], Awaitable[ChatResponse]]


class Asks:
    """The questions of one execution."""

    def __init__(
        self,
        plugin_id: str,
        answering: Answering,
        fetches: Fetches,
        send: Callable[[ToPlugin], Awaitable[None]],
        *,
        allowed: bool,
        priority: GenerationOptions.Priority.ValueType,
    ) -> None:
        self._plugin_id = plugin_id
        self._answering = answering
        self._fetches = fetches
        self._send = send
        self._allowed = allowed
        self._priority = priority
        self._open: set[asyncio.Task[None]] = set()
        self.failed: dict[int, FunlandError] = {}
        """Why questions were not answered, the last of them."""
        self.models: list[str] = []
        self.device_ids: list[str] = []
        self.tokens = 0

    def take(self, ask: PluginAsk) -> None:
        """Has a question answered; raises PluginLimitExceededError for one too many."""
        if len(self._open) >= AT_ONCE:
            raise PluginLimitExceededError(self._plugin_id, "questions", f"{AT_ONCE} at once")
        task = asyncio.create_task(self._answer(ask))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def close(self) -> None:
        """Ends those that are open."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _answer(self, ask: PluginAsk) -> None:
        answer = PluginAnswer(number=ask.number)
        try:
            if ask.HasField("fetch"):
                answer.fetched.CopyFrom(await self._fetches.fetch(ask.fetch))
            elif not self._allowed:
                raise PluginDeniedError(self._plugin_id, "models")
            else:
                response = await self._answering(self._checked(ask.request))
                self._count(response)
                answer.response.CopyFrom(response)
        except Exception as problem:
            error = problem if isinstance(problem, FunlandError) else _unforeseen(problem)
            if len(self.failed) >= AT_ONCE:
                self.failed.pop(next(iter(self.failed)))
            self.failed[ask.number] = error
            answer.error.CopyFrom(error.to_wire())
        with suppress(ConnectionError):  # it has ended, as whoever reads from it sees
            await self._send(ToPlugin(answer=answer))

    def _checked(self, request: ChatRequest) -> ChatRequest:
        """The question, held against the contract's rules as any call is, with our priority."""
        import protovalidate  # noqa: PLC0415 - a twentieth of a start, which no start needs

        violations = protovalidate.collect_violations(request)
        if violations:
            raise FieldInvalidError(
                [Violation("messages", violation.proto.message) for violation in violations[:1]]
            )
        request.options.priority = self._priority
        return request

    def _count(self, response: ChatResponse) -> None:
        self.tokens += response.usage.total_tokens
        if response.model not in self.models:
            self.models.append(response.model)
        self.device_ids += [one for one in response.device_ids if one not in self.device_ids]


def _unforeseen(problem: Exception) -> InternalError:
    """A defect of ours: the plugin must not wait for an answer that never comes."""
    error_id = secrets.token_hex(6)
    logger.error("unforeseen_error", error_id=error_id, exc_info=problem)
    return InternalError(error_id)
