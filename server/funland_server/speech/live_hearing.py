"""Has written down what is said while it is said: a caller's stream on one side, a worker on the
other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from funland.v1.models_pb2 import Model
from funland.v1.speech_pb2 import (
    TranscribeLiveConfig,
    TranscribeLiveRequest,
    TranscribeRequest,
    TranscriptEvent,
)
from funland.worker.v1.worker_pb2 import HearLive, JobEvent, LiveInput
from funland_server.errors import FieldInvalidError, Violation
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.speech.hearing import Hearing, named


class LiveHearing:
    """`SpeechService.TranscribeLive`."""

    def __init__(self, hearing: Hearing, models: Models, metrics: Metrics) -> None:
        self._hearing = hearing
        self._models = models
        self._metrics = metrics

    async def stream(
        self, requests: AsyncIterator[TranscribeLiveRequest]
    ) -> AsyncGenerator[TranscriptEvent]:
        """As `TranscribeLive`; whatever ends one side ends the other.

        Raises:
            FunlandError, RequestRefused: What `TranscribeLive` is answered with.
        """
        config = await _config(requests)
        translate = config.task == TranscribeRequest.TRANSLATE
        model = self._hearing.choose(config.model, config.language, translate=translate)
        worker = await self._models.loader.worker(model.model_id, Model.TRANSCRIPTION)
        caller = _Caller(config, requests)
        try:
            async with aclosing(worker.run_live_job(caller.inputs())) as events:
                while (event := await caller.first_of(events)) is not None:
                    match event.WhichOneof("event"):
                        case "heard":
                            yield named(event.heard, model, worker.device_ids)
                        case "result":
                            heard = event.result.hear
                            seconds = heard.duration.ToMilliseconds() / 1000
                            self._metrics.heard_seconds.labels(model.model_id).inc(seconds)
                            yield TranscriptEvent(finish=heard)
                        case _:
                            pass
        finally:
            await caller.leave()


class _Caller:
    """What a caller says: it is asked for as fast as the worker takes it, and no faster."""

    def __init__(
        self, config: TranscribeLiveConfig, requests: AsyncIterator[TranscribeLiveRequest]
    ) -> None:
        self._config = config
        self._said: asyncio.Queue[LiveInput | None] = asyncio.Queue(1)
        self._listening = asyncio.create_task(self._listen(requests))

    async def inputs(self) -> AsyncGenerator[LiveInput]:
        """What the worker is told. gRPC may hold it for longer than the call: `leave` ends it."""
        yield LiveInput(begin=HearLive(config=self._config))
        while (said := await self._said.get()) is not None:
            yield said

    async def first_of(self, events: AsyncGenerator[JobEvent]) -> JobEvent | None:
        """The worker's next event, None after the last.

        Raises:
            FunlandError, RequestRefused: What the caller said, meanwhile, can't be heard.
        """
        event = asyncio.ensure_future(anext(events, None))
        try:
            if not self._listening.done():
                await asyncio.wait([event, self._listening], return_when=asyncio.FIRST_COMPLETED)
            # It may have failed before this began, while the event before was sent.
            if self._listening.done():
                self._listening.result()
            return await event
        finally:
            event.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await event

    async def leave(self) -> None:
        """Ends what goes on."""
        self._listening.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._listening
        if self._said.full():
            self._said.get_nowait()
        self._said.put_nowait(None)

    async def _listen(self, requests: AsyncIterator[TranscribeLiveRequest]) -> None:
        async for request in requests:
            await self._said.put(_input(request))
        await self._said.put(None)


async def _config(requests: AsyncIterator[TranscribeLiveRequest]) -> TranscribeLiveConfig:
    first = await anext(requests, None)
    if first is None or not first.HasField("config"):
        raise FieldInvalidError([Violation("config", "must be the first message")])
    return first.config


def _input(request: TranscribeLiveRequest) -> LiveInput:
    """What the worker is told of a message after the first."""
    match request.WhichOneof("message"):
        case "audio":
            if len(request.audio) % 2:
                description = f"must have whole samples of 2 bytes, and has {len(request.audio)}"
                raise FieldInvalidError([Violation("audio", description)])
            return LiveInput(audio=request.audio)
        case "flush":
            return LiveInput(flush=request.flush)
        case _:
            raise FieldInvalidError([Violation("config", "may be the first message alone")])
