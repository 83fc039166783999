"""What is spoken as a whole: an answer, or several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from funland.v1.speech_pb2 import (
    SpeechEvent,
    SpeechFinish,
    SpeechStart,
    SynthesizeRequest,
    SynthesizeResponse,
    SynthesizeResult,
)
from funland_server.errors import FunlandError
from funland_server.speech.lengths import write_length
from funland_server.speech.room import Room
from funland_server.speech.speaking import Speaking
from funland_server.speech.wire import answer
from funland_server.workers.failures import WorkerDefectError

LARGEST_ANSWER: Final = 64 * 1024**2
"""Bytes of sound in one answer, all results of a batch together."""


class Answering:
    """Has texts spoken to their end. `Speech.answering` has it for other domains."""

    def __init__(self, speaking: Speaking, largest: int) -> None:
        """An answer has `largest` bytes of sound at most."""
        self._speaking = speaking
        self._largest = largest

    async def complete(
        self, request: SynthesizeRequest, *, background: bool = False
    ) -> SynthesizeResponse:
        """As `Synthesize`. With `background` it is done beside live calls, which go before it.

        Raises:
            FunlandError: What `Synthesize` is answered with.
        """
        return await self._complete(request, Room(self._largest), background=background)

    async def complete_all(self, requests: Sequence[SynthesizeRequest]) -> list[SynthesizeResult]:
        """As `BatchSynthesize`: one that fails does so alone."""
        room = Room(self._largest)
        async with asyncio.TaskGroup() as group:  # if one meets a defect, the others end too
            tasks = [group.create_task(self._result(one, room)) for one in requests]
        return [task.result() for task in tasks]

    async def _complete(
        self, request: SynthesizeRequest, room: Room, *, background: bool = False
    ) -> SynthesizeResponse:
        heard, share = _Heard(), room.share()
        events = self._speaking.stream(request, background=background)
        try:
            async with aclosing(heard.sound(events)) as sound:
                async for chunk in sound:
                    share.take(chunk)
            share.finish()
        except BaseException:
            share.leave()
            raise
        seconds = heard.finish.duration.ToMicroseconds() / 1e6
        write_length(share.audio, round(seconds * heard.start.sample_rate))
        return answer(heard.start, heard.finish, bytes(share.audio))

    async def _result(self, request: SynthesizeRequest, room: Room) -> SynthesizeResult:
        """One request's sound, or why there is none."""
        try:
            return SynthesizeResult(response=await self._complete(request, room))
        except FunlandError as error:
            return SynthesizeResult(error=error.to_wire())


class _Heard:
    """What a stream of speech tells beside its sound."""

    def __init__(self) -> None:
        self.start = SpeechStart()
        self.finish = SpeechFinish()

    async def sound(self, events: AsyncGenerator[SpeechEvent]) -> AsyncGenerator[bytes]:
        """The sound alone."""
        async with aclosing(events):
            async for event in events:
                match event.WhichOneof("event"):
                    case "start":
                        self.start = event.start
                    case "audio":
                        yield event.audio
                    case "finish":
                        self.finish = event.finish
                        return
                    case _:
                        pass
        raise WorkerDefectError("a job ended without a result")
