"""Makes responses that nobody waits for, and lets anyone watch or cancel them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Final

import structlog

from funland.v1.inference_pb2 import ChatRequest
from funland.v1.responses_pb2 import CreateResponseRequest, Response, ResponseEvent
from funland_server.config import ServerSettings
from funland_server.errors import ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.responses.drafts import Draft
from funland_server.responses.ends import Ends
from funland_server.responses.journal import replay
from funland_server.responses.making import CUT_OFF, Making, StreamChat
from funland_server.responses.store import ResponseStore
from funland_server.responses.tables import UNFINISHED
from funland_server.storage.errors import StorageFullError
from funland_server.workers.errors import QueueFullError

logger = structlog.get_logger(__name__)

_RETRY_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
"""How often servers that share a database look at what others make, and want of them."""


class Background:
    """The responses of one server that are made in the background.

    Each is kept from its beginning, and so are its end and what was written until then. Between the
    two, its row in the database is QUEUED, and `present` says how it stands.
    """

    def __init__(
        self,
        stream_chat: StreamChat,
        store: ResponseStore,
        model_id: Callable[[str], str],
        settings: Live[ServerSettings],
        metrics: Metrics,
    ) -> None:
        """`model_id` gives the id of a model by any of its names; raises ModelNotFoundError."""
        self._stream_chat = stream_chat
        self._store = store
        self._model_id = model_id
        self._settings = settings
        self._metrics = metrics
        self._made: dict[str, Making] = {}
        self._ends = Ends(store)
        self._stopping = False

    async def recover(self, *, starts: bool = True) -> None:
        """Lets those fail that an earlier server left unfinished; see `ResponseStore.left`."""
        cut_off = await self._store.left(starts=starts)
        if not cut_off:
            return
        error = ServerStoppingError(CUT_OFF).to_wire()
        for response in cut_off:
            response.state = Response.FAILED
            response.error.CopyFrom(error)
        self._ends.hold(cut_off)
        logger.warning("responses_cut_off", responses=len(cut_off))
        with suppress(StorageFullError):  # here they are FAILED all the same
            await self._ends.save()

    async def begin(self, request: CreateResponseRequest, chat: ChatRequest) -> Making:
        """Keeps a response, and has the model answer a whole conversation for it.

        Raises:
            ModelNotFoundError, QueueFullError, StorageFullError, ServerStoppingError: Nothing is
                kept.
        """
        if self._stopping:
            raise ServerStoppingError
        model = self._model_id(chat.model)
        self._check_limit(model)
        making = Making(Draft(request, model))
        self._made[making.response_id] = making
        self._metrics.background_responses.inc()
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        making.task = asyncio.create_task(self._make(making, request, chat, kept))
        await asyncio.shield(kept)  # it goes on without its caller
        return making

    def present(self, kept: Response) -> Response:
        """A response of the database, changed into what it is now."""
        if kept.state in UNFINISHED:
            if making := self._made.get(kept.response_id):
                kept.state = making.response.state
            elif ended := self._ends.get(kept.response_id):
                metadata = dict(kept.metadata)
                kept.CopyFrom(ended)
                kept.ClearField("metadata")
                kept.metadata.update(metadata)
        return kept

    async def watch(self, response_id: str, after: int) -> AsyncGenerator[ResponseEvent]:
        """The events of a response after a number; raises ResponseNotFoundError. Those of one that
        another server makes come when it has ended."""
        if making := self._made.get(response_id):
            async with aclosing(making.journal.read(after)) as events:
                async for event in events:
                    yield event
        else:
            for event in replay(await self._ended(response_id), after):
                yield event

    async def cancel(self, response_id: str) -> None:
        """Ends a response if it is being made, and waits until that is saved. One that another
        server makes is CANCELLED at once; what was written of it is there when that server sees
        it."""
        making = self._made.get(response_id)
        if making is not None and making.task is not None:
            making.stop(cancelled=True)
            await asyncio.wait([making.task])
        else:
            await self._store.cancel_elsewhere(response_id)

    async def heed_others(self) -> None:
        """Ends those that were cancelled at another server."""
        made = list(self._made)
        for response_id in await self._store.cancelled(made) if made else ():
            if making := self._made.get(response_id):
                making.stop(cancelled=True)

    def forget(self, response_id: str) -> None:
        """Lets go of a response that was removed."""
        self._ends.forget(response_id)

    async def drain(self, seconds: float) -> None:
        """Takes no more, and waits for those under way, at most so long."""
        self._stopping = True
        await self._wait(seconds)

    async def close(self) -> None:
        """Ends those that are under way: they are FAILED. Closing twice is no error."""
        self._stopping = True
        for making in self._made.values():
            making.stop()
        await self._wait(None)

    async def _ended(self, response_id: str) -> Response:
        """A response of the database when it has ended, whoever makes it."""
        while True:
            response = self.present(await self._store.get(response_id))
            if response.state not in UNFINISHED:
                return response
            await asyncio.sleep(LOOK_SECONDS)

    async def _wait(self, seconds: float | None) -> None:
        tasks = [making.task for making in self._made.values() if making.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def _check_limit(self, model: str) -> None:
        """Refuses what the model's queue could not take, before the caller has an id for it."""
        settings = self._settings.now
        count = sum(making.model == model for making in self._made.values())
        if count >= settings.slots + settings.queue_limit:
            error = QueueFullError(
                f"{count} responses of model {model!r} are being made in the background; try again"
                " later.",
                model=model,
                queue_limit=str(settings.queue_limit),
            )
            error.retry_seconds = _RETRY_SECONDS
            raise error

    async def _make(
        self,
        making: Making,
        request: CreateResponseRequest,
        chat: ChatRequest,
        kept: asyncio.Future[None],
    ) -> None:
        """Carries a response from its beginning in the database to its end there."""
        try:
            await self._store.add(making.response, list(request.chat.messages))
        except Exception as error:
            self._leave(making)
            kept.set_exception(error)  # it is the caller's
            return
        kept.set_result(None)
        ended = await making.write(self._stream_chat, chat)
        ended = await self._saved(making, ended)
        making.journal.add(ResponseEvent(completed=ended))
        making.report(ended)
        self._metrics.background_responses_ended.labels(Response.State.Name(ended.state)).inc()
        self._leave(making)

    async def _saved(self, making: Making, ended: Response) -> Response:
        """The response when its end is written. If it can't be, the response has failed; it is
        held, so that callers are told why and nobody waits for it."""
        self._ends.hold([ended])
        try:
            await self._ends.save()
        except Exception as error:  # whatever it is: the response must end
            ended = making.failed(error)
            self._ends.hold([ended])
        return ended

    def _leave(self, making: Making) -> None:
        del self._made[making.response_id]
        self._metrics.background_responses.dec()
