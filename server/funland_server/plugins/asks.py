"""What a plugin asks models, answered as its caller would be, and hosts that it may ask."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from google.protobuf.message import Message

from funland.worker.v1.plugin_pb2 import PluginAnswer, PluginAsk, ToPlugin
from funland_server.errors import FieldInvalidError, FunlandError, InternalError, Violation
from funland_server.plugins.answering import Answering
from funland_server.plugins.errors import PluginDeniedError, PluginLimitExceededError
from funland_server.plugins.fetches import Fetches

logger = structlog.get_logger(__name__)

AT_ONCE: Final = 16
"""The SDK asks no more at once."""

M = TypeVar("M", bound=Message)


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
        background: bool,
        given: str = "",
    ) -> None:
        """In the `background`, models serve those first that somebody waits for. `given` is what
        the caller has given in: of kept files those alone are open to the plugin whose ids stand in
        it."""
        self._plugin_id = plugin_id
        self._answering = answering
        self._fetches = fetches
        self._send = send
        self._allowed = allowed
        self._background = background
        self._given = given
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
                await self._ask(ask, answer)
        except Exception as problem:
            error = problem if isinstance(problem, FunlandError) else _unforeseen(problem)
            if len(self.failed) >= AT_ONCE:
                self.failed.pop(next(iter(self.failed)))
            self.failed[ask.number] = error
            answer.error.CopyFrom(error.to_wire())
        with suppress(ConnectionError):  # it has ended, as whoever reads from it sees
            await self._send(ToPlugin(answer=answer))

    async def _ask(self, ask: PluginAsk, answer: PluginAnswer) -> None:
        """Has a model answer."""
        background = self._background
        match ask.WhichOneof("question"):
            case "speak":
                spoken = await self._answering.speak(
                    _checked(ask.speak), background=self._background
                )
                self._count(spoken.model, spoken.device_ids)
                answer.spoken.CopyFrom(spoken)
            case "hear":
                self._check_file(ask.hear.file_id)
                heard = await self._answering.hear(_checked(ask.hear), background=background)
                self._count(heard.model, heard.device_ids)
                answer.heard.CopyFrom(heard)
            case "paint":
                self._check_file(ask.paint.image_file_id)
                self._check_file(ask.paint.mask_file_id)
                painted = await self._answering.paint(
                    _checked(ask.paint), background=self._background
                )
                self._count(painted.model, painted.device_ids)
                answer.painted.CopyFrom(painted)
            case _:
                request = _checked(ask.request)
                response = await self._answering.chat(request, background=background)
                self.tokens += response.usage.total_tokens
                self._count(response.model, response.device_ids)
                answer.response.CopyFrom(response)

    def _check_file(self, file_id: str) -> None:
        """Files are others': a plugin may have read what its caller has named, and no more."""
        if file_id and f'"{file_id}"' not in self._given:
            raise PluginDeniedError(self._plugin_id, "files")

    def _count(self, model: str, device_ids: Iterable[str]) -> None:
        if model not in self.models:
            self.models.append(model)
        self.device_ids += [one for one in device_ids if one not in self.device_ids]


def _checked(request: M) -> M:
    """The question, held against the contract's rules as any call is."""
    import protovalidate  # noqa: PLC0415 - a twentieth of a start, which no start needs

    for violation in protovalidate.collect_violations(request)[:1]:
        elements: Any = getattr(violation.proto.field, "elements", ())
        field = elements[0].field_name if elements else "request"
        raise FieldInvalidError([Violation(field, violation.proto.message)])
    return request


def _unforeseen(problem: Exception) -> InternalError:
    """A defect of ours: the plugin must not wait for an answer that never comes."""
    error_id = secrets.token_hex(6)
    logger.error("unforeseen_error", error_id=error_id, exc_info=problem)
    return InternalError(error_id)
