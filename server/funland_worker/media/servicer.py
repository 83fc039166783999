"""Answers `worker.proto` for a model that does jobs alone."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland_worker.engines.protocol import EngineError
from funland_worker.media.engine import MediaEngine
from funland_worker.media.no_text import NoText
from funland_worker.media.turns import Turns
from funland_worker.wire import failed_sequence, failure_to_wire, pong

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

logger = logging.getLogger(__name__)

_QUEUE_LIMIT = 1024
"""How many jobs wait if the server does not say."""
_LIVE_LIMIT = 64
"""How many jobs there are whose input comes meanwhile. They wait for it most of the time, so that
they take no turns."""

_GOODBYE_SECONDS = 5.0
"""For the server to end a call whose last event it has."""


class MediaServicer(NoText):
    """One model's jobs, all for one server."""

    def __init__(
        self,
        engine: MediaEngine,
        token: str,
        send: Callable[[worker_pb2.Step], None],
        *,
        queue_limit: int = 0,
        rest: Callable[[], None] | None = None,
    ) -> None:
        """`send` gets the steps, which tell how many jobs run and wait; `rest` is what a command
        of that name does."""
        self._engine = engine
        self._token = token
        self._send = send
        self._rest = rest
        self._turns = Turns(engine.facts.slots, queue_limit or _QUEUE_LIMIT, self._tell)
        self._live = 0
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        """What took the model with it."""

    def obey(self, command: worker_pb2.Command) -> None:
        """Does what the server says over the link."""
        match command.WhichOneof("command"):
            case "submit":
                refusal = EngineError(
                    ErrorReason.MODEL_CANNOT_GENERATE, "The model writes no text."
                )
                self._send(failed_sequence(command.submit.sequence_id, refusal))
            case "ping":
                self._send(pong(command.ping.ping_id, self._engine.step_ms))
            case "rest" if self._rest is not None:
                self._rest()
            case _:
                pass

    async def RunJob(
        self, request: worker_pb2.Job, context: Context
    ) -> AsyncIterator[worker_pb2.JobEvent]:
        """See `worker.proto`."""
        await self._authorize(context)
        run = partial(self._engine.run, request)
        job = self._events(run, background=request.background)
        async with aclosing(self._told(job)) as events:
            async for event in events:
                yield event

    async def RunLiveJob(
        self, request_iterator: AsyncIterator[worker_pb2.LiveInput], context: Context
    ) -> AsyncIterator[worker_pb2.JobEvent]:
        """See `worker.proto`."""
        await self._authorize(context)
        first = await anext(request_iterator, None)
        if first is None:  # the call was given up before it began
            return
        run = partial(self._engine.run_live, first.begin, request_iterator)
        async with aclosing(self._told(self._live_events(run))) as events:
            async for event in events:
                yield event
        # The server ends the call when it has been told how it ends. If we did while it still
        # writes, that would be lost: gRPC's Python takes the write that fails for the call's end.
        await asyncio.sleep(_GOODBYE_SECONDS)

    async def KeepPrefixes(self, request: Empty, context: Context) -> Empty:
        """Has nothing to keep."""
        await self._authorize(context)
        return Empty()

    async def _events(
        self, run: Callable[[], AsyncGenerator[worker_pb2.JobEvent]], *, background: bool
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """The events of a job when its turn has come."""
        came = monotonic()
        async with self._turns.turn(background=background):
            waited_ms = (monotonic() - came) * 1000
            async with aclosing(run()) as events:
                async for event in events:
                    yield _with_wait(event, waited_ms)

    async def _live_events(
        self, run: Callable[[], AsyncGenerator[worker_pb2.JobEvent]]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """The events of a job whose input comes meanwhile."""
        if self._live >= _LIVE_LIMIT:
            raise EngineError(
                ErrorReason.QUEUE_FULL,
                f"The model hears {_LIVE_LIMIT} callers already.",
                queue_limit=str(_LIVE_LIMIT),
            )
        self._live += 1
        try:
            async with aclosing(run()) as events:
                async for event in events:
                    yield event
        finally:
            self._live -= 1

    async def _told(
        self, job: AsyncGenerator[worker_pb2.JobEvent]
    ) -> AsyncGenerator[worker_pb2.JobEvent]:
        """The events of a job; a failure is the last of them."""
        try:
            async with aclosing(job) as events:
                async for event in events:
                    yield event
        except EngineError as error:
            yield worker_pb2.JobEvent(failure=failure_to_wire(error))
        except Exception as error:
            logger.exception("a job failed")
            defect = EngineError(ErrorReason.INTERNAL_ERROR, repr(error))
            yield worker_pb2.JobEvent(failure=failure_to_wire(defect))

    def _tell(self) -> None:
        self._send(
            worker_pb2.Step(
                active_sequences=self._turns.running, waiting_sequences=self._turns.waiting
            )
        )

    async def _authorize(self, context: Context) -> None:
        metadata = dict(context.invocation_metadata() or ())
        given = str(metadata.get("authorization", ""))
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is wrong.")


def _with_wait(event: worker_pb2.JobEvent, waited_ms: float) -> worker_pb2.JobEvent:
    """The event; a result says how long the job waited for its turn."""
    if (kind := event.result.WhichOneof("result")) not in (None, "embed", "train"):
        getattr(event.result, kind).timings.queue_ms = waited_ms
    return event
