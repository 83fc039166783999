"""Tasks that speak a text: the sound is a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import (
    SpeechEvent,
    SpeechFinish,
    SpeechStart,
    SynthesizeRequest,
    SynthesizeResponse,
)
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.errors import NotFoundError, ServerStoppingError
from funland_server.files.contents import Head
from funland_server.files.domain import Files
from funland_server.speech.domain import Speech
from funland_server.speech.lengths import HEAD_BYTES, with_length
from funland_server.tasks.kinds import Checked, NotHereError, Running
from funland_server.tasks.media.output import Output, output

Percent = Callable[[float], None]

LACKING: Final = (ErrorReason.MODEL_NOT_FOUND, ErrorReason.VOICE_NOT_FOUND)
"""Why another server may be able to."""


class Speaking:
    """See `Kind`."""

    kind = Task.SPEECH
    lane = Lane.SPEECH
    resumes = False

    def __init__(self, speech: Speech, files: Files) -> None:
        self._speech = speech
        self._files = files

    async def check(self, work: Work) -> Checked:
        """Raises what the choice of a voice does."""
        return Checked(self._speech.speaking.choose(work.speech).model.model_id)

    async def run(self, running: Running) -> TaskResult:
        """Speaks it."""
        request = running.work.speech
        request.model = request.model or running.model  # another may be the default by now
        try:
            async with output(self._files, running.task_id) as made:
                events = self._speech.speaking.stream(request, background=True)
                return TaskResult(speech=await spoken(events, request, made, running.progress))
        except NotFoundError as error:
            if error.reason not in LACKING:
                raise
            raise NotHereError(model=True) from error


async def spoken(
    events: AsyncGenerator[SpeechEvent],
    request: SynthesizeRequest,
    made: Output,
    percent: Percent,
    name: str = "speech",
) -> SynthesizeResponse:
    """Keeps the sound of a stream; raises what that does. `percent` is told how much is spoken."""
    async with aclosing(events):
        start = (await anext(events)).start
        sound = _Sound(events, start, percent)
        ending = SynthesizeRequest.Format.Name(start.format).lower()
        file = await made.keep(
            sound.bytes(),
            name=f"{name}.{ending}",
            media_type=start.media_type,
            head=Head(HEAD_BYTES, sound.head),
        )
    finish = sound.finish
    return SynthesizeResponse(
        model=start.model,
        voice=start.voice,
        file_id=file.file_id,
        format=start.format,
        media_type=start.media_type,
        sample_rate=start.sample_rate,
        duration=finish.duration,
        characters=finish.characters,
        timings=finish.timings,
        device_ids=start.device_ids,
    )


class _Sound:
    """The bytes of a stream of speech."""

    def __init__(
        self, events: AsyncGenerator[SpeechEvent], start: SpeechStart, percent: Percent
    ) -> None:
        self._events = events
        self._sample_rate = start.sample_rate
        self._characters = max(start.characters, 1)
        self._percent = percent
        self.finish = SpeechFinish()
        """What it took, once all bytes were given."""

    def head(self, written: bytes, size: int) -> bytes:
        """The first of all `size` bytes, with how long it sounds."""
        seconds = self.finish.duration.ToMicroseconds() / 1e6
        return with_length(written, size, round(seconds * self._sample_rate))

    async def bytes(self) -> AsyncGenerator[bytes]:
        """Raises what the stream does."""
        ended = False
        async for event in self._events:
            match event.WhichOneof("event"):
                case "audio":
                    yield event.audio
                case "progress":
                    self._percent(100.0 * event.progress.characters / self._characters)
                case "finish":
                    self.finish = event.finish
                    ended = True
                case _:
                    pass
        if not ended:
            raise ServerStoppingError("The server ended before the text was spoken.")
