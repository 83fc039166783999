"""Sound that comes while it is spoken, and transcripts that come while it is heard."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

from funland.v1.speech_pb2 import SpeechEvent, TranscriptEvent
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.asynchronous.files import AsyncFiles
from funland_client.asynchronous.piece_streams import AsyncPieceStream
from funland_client.errors import FunlandError
from funland_client.streamed_speech import StreamedSpeech, StreamedTranscript, whole_file


class AsyncSoundStream(StreamedSpeech, AsyncIterator[bytes]):
    """Iterates over the bytes of a text's sound, as they come.

    Leaving its `with` block, or `close`, ends the call if it still runs.
    """

    def __init__(self, events: AsyncEventStream[SpeechEvent]) -> None:
        super().__init__()
        self._events = events

    async def __anext__(self) -> bytes:
        """Waits for the next bytes. Raises what `errors` names when the call fails."""
        while (event := await self._advance()) is not None:
            if event.HasField("audio") and event.audio:
                return event.audio
        raise StopAsyncIteration

    async def events(self) -> AsyncGenerator[SpeechEvent]:
        """Gives all events instead of the sound alone. Kinds may be added."""
        while (event := await self._advance()) is not None:
            yield event

    async def read(self) -> bytes:
        """Waits for all of the sound that is still to come."""
        sound = bytearray()
        async for part in self:
            sound += part
        return bytes(sound)

    async def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the sound to a file, which is there when it is whole, and not at all before."""
        with whole_file(path) as file:
            async for part in self:
                file.write(part)
        return Path(path)

    async def _advance(self) -> SpeechEvent | None:
        try:
            async for event in self._events:
                self._take(event)
                return event
        except FunlandError as error:
            raise self._failure(error) from error.__cause__
        self._check_end()
        return None

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._closed = True
        await self._events.close()

    async def __aenter__(self) -> Self:
        """Gives itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        await self.close()


class AsyncTranscriptStream(StreamedTranscript, AsyncPieceStream[TranscriptEvent]):
    """What is said, by its parts. Its file, if one was kept for it, goes when it is closed."""

    def __init__(
        self,
        events: AsyncEventStream[TranscriptEvent],
        files: AsyncFiles | None = None,
        file_id: str = "",
    ) -> None:
        super().__init__()
        self._events = events
        self._files = files
        self._file_id = file_id

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        await super().close()
        if self._files is not None and self._file_id:
            file_id, self._file_id = self._file_id, ""
            await self._files.delete(file_id)
