# Generated from ../asynchronous/media_streams.py by `make client`: edit that one.
"""Sound that comes while it is spoken, and transcripts that come while it is heard."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from funland.v1.speech_pb2 import SpeechEvent, TranscriptEvent
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.files import Files
from funland_client.blocking.piece_streams import PieceStream
from funland_client.errors import FunlandError
from funland_client.streamed_speech import StreamedSpeech, StreamedTranscript, whole_file


class SoundStream(StreamedSpeech, Iterator[bytes]):
    """Iterates over the bytes of a text's sound, as they come.

    Leaving its `with` block, or `close`, ends the call if it still runs.
    """

    def __init__(self, events: EventStream[SpeechEvent]) -> None:
        super().__init__()
        self._events = events

    def __next__(self) -> bytes:
        """Waits for the next bytes. Raises what `errors` names when the call fails."""
        while (event := self._advance()) is not None:
            if event.HasField("audio") and event.audio:
                return event.audio
        raise StopIteration

    def events(self) -> Generator[SpeechEvent]:
        """Gives all events instead of the sound alone. Kinds may be added."""
        while (event := self._advance()) is not None:
            yield event

    def read(self) -> bytes:
        """Waits for all of the sound that is still to come."""
        sound = bytearray()
        for part in self:
            sound += part
        return bytes(sound)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the sound to a file, which is there when it is whole, and not at all before."""
        with whole_file(path) as file:
            for part in self:
                file.write(part)
        return Path(path)

    def _advance(self) -> SpeechEvent | None:
        try:
            for event in self._events:
                self._take(event)
                return event
        except FunlandError as error:
            raise self._failure(error) from error.__cause__
        self._check_end()
        return None

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._closed = True
        self._events.close()

    def __enter__(self) -> Self:
        """Gives itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        self.close()


class TranscriptStream(StreamedTranscript, PieceStream[TranscriptEvent]):
    """What is said, by its parts. Its file, if one was kept for it, goes when it is closed."""

    def __init__(
        self,
        events: EventStream[TranscriptEvent],
        files: Files | None = None,
        file_id: str = "",
    ) -> None:
        super().__init__()
        self._events = events
        self._files = files
        self._file_id = file_id

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        super().close()
        if self._files is not None and self._file_id:
            file_id, self._file_id = self._file_id, ""
            self._files.delete(file_id)
