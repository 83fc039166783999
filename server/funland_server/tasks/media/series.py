"""Tasks that speak several texts: each sound is a file, and what is spoken stays spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from funland.v1.speech_pb2 import (
    BatchSynthesizeResponse,
    SynthesizeRequest,
    SynthesizeResult,
)
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.errors import FunlandError
from funland_server.files.domain import Files
from funland_server.files.errors import UnknownFileError
from funland_server.speech.domain import Speech
from funland_server.tasks.deciding import may_pass
from funland_server.tasks.kinds import Checked, Running
from funland_server.tasks.media.output import Output
from funland_server.tasks.media.parts import TaskParts
from funland_server.tasks.media.speaking import spoken

_AT_ONCE: Final = 4
"""Texts of one task that are spoken at once; a voice takes as many as it can."""


class SpeakingMany:
    """See `Kind`."""

    kind = Task.SPEECH_BATCH
    lane = Lane.SPEECH
    resumes = True

    def __init__(self, speech: Speech, files: Files, parts: TaskParts) -> None:
        self._speech = speech
        self._files = files
        self._parts = parts

    async def check(self, work: Work) -> Checked:
        """A text that can't be spoken is an error of its own, as in `BatchSynthesize`."""
        return Checked()

    async def run(self, running: Running) -> TaskResult:
        """Speaks those that are not spoken. What may pass ends the run; the next one goes on."""
        series = _Series(self, running)
        results = await series.run()
        return TaskResult(speech_batch=BatchSynthesizeResponse(results=results))

    async def done(self, task_id: str) -> dict[int, SynthesizeResult]:
        """What came of the texts that earlier runs have done; files that belong to none of them are
        removed."""
        kept = await self._parts.done(task_id)
        done = {number: SynthesizeResult.FromString(one) for number, one in kept.items()}
        named = {one.response.file_id for one in done.values()}
        for file_id in await self._files.ids_of(task_id):
            if file_id not in named:
                await self._drop(file_id)
        return done

    async def do(self, running: Running, number: int, series: _Series) -> SynthesizeResult:
        """Speaks one text and keeps what came of it; raises FunlandError for what may pass."""
        request = running.work.speech_batch.requests[number]
        result = await self._spoken(running.task_id, request, number, series)
        if not await self._parts.add(running.task_id, number, result.SerializeToString()):
            await self._drop(result.response.file_id)
            return SynthesizeResult.FromString((await self._parts.done(running.task_id))[number])
        return result

    async def _spoken(
        self, task_id: str, request: SynthesizeRequest, number: int, series: _Series
    ) -> SynthesizeResult:
        made = Output(self._files, task_id)
        events = self._speech.speaking.stream(request, background=True)
        try:
            response = await spoken(
                events, request, made, lambda percent: series.tell(number, percent),
                name=f"speech-{number + 1:03}",
            )  # fmt: skip
        except FunlandError as error:
            wire = error.to_wire()
            if may_pass(wire):
                raise
            return SynthesizeResult(error=wire)
        return SynthesizeResult(response=response)

    async def _drop(self, file_id: str) -> None:
        if file_id:
            with suppress(UnknownFileError):
                await self._files.delete(file_id)


class _Series:
    """One run."""

    def __init__(self, kind: SpeakingMany, running: Running) -> None:
        self._kind = kind
        self._running = running
        self._count = len(running.work.speech_batch.requests)
        self._percents: dict[int, float] = {}
        self._done: set[int] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> list[SynthesizeResult]:
        """What came of all texts, in their order."""
        done = await self._kind.done(self._running.task_id)
        self._done.update(done)
        self._say()
        missing = [number for number in range(self._count) if number not in done]
        try:
            async with asyncio.TaskGroup() as group:
                made = {number: group.create_task(self._one(number)) for number in missing}
        except* FunlandError as errors:
            raise _first(errors) from None
        return _in_order({**done, **{number: task.result() for number, task in made.items()}})

    def tell(self, number: int, percent: float) -> None:
        """How far a text is."""
        self._percents[number] = percent
        self._say()

    async def _one(self, number: int) -> SynthesizeResult:
        async with self._places:
            result = await self._kind.do(self._running, number, self)
        self._percents.pop(number, None)
        self._done.add(number)
        self._say()
        return result

    def _say(self) -> None:
        percent = (100.0 * len(self._done) + sum(self._percents.values())) / self._count
        self._running.progress(percent, f"{len(self._done)} of {self._count}")


def _first(errors: BaseExceptionGroup[FunlandError]) -> FunlandError:
    """One of a group that has no others."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _in_order(results: Mapping[int, SynthesizeResult]) -> list[SynthesizeResult]:
    return [results[number] for number in sorted(results)]
