# Generated from ../asynchronous/speech.py by `make client`: edit that one.
"""Speech, out of texts and into texts."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Unpack

from funland.v1.speech_pb2 import (
    ListVoicesRequest,
    SynthesizeResponse,
    TranscribeLiveConfig,
    TranscribeLiveRequest,
    Transcript,
    Voice,
)
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from funland_client import media_requests
from funland_client.arguments import LiveArguments, SpeechArguments, TranscriptionArguments
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.files import Files
from funland_client.blocking.media_streams import SoundStream, TranscriptStream
from funland_client.kept_files import Source
from funland_client.media_requests import INLINE_BYTES, KEPT_SECONDS
from funland_client.replayed import Replayed


class Speech:
    """Speech, as `client.speech`: voices that speak texts, and recognisers that write them down.

    A `voice` is its id, its name or a language; empty: the default one. An empty `model` is one
    that can do it. A recording is a file by its path, or open, or its content, or parts of that; a
    long one is kept by the server for as long as the call lasts.
    """

    def __init__(self, connection: Connection, files: Files) -> None:
        self._connection = connection
        self._files = files
        self._stub = SpeechServiceStub(connection.channel)

    def voices(self, language: str = "", model: str = "") -> list[Voice]:
        """Gets the voices that there are: those of a language, such as `en`, or of a model."""
        request = ListVoicesRequest(language=language, model=model)
        response = self._connection.call(self._stub.ListVoices, request)
        return [*response.voices]

    def speak(
        self, text: str, voice: str = "", **arguments: Unpack[SpeechArguments]
    ) -> SynthesizeResponse:
        """Speaks a text; returns when it is spoken. `stream_speak` is for texts that take long."""
        request = media_requests.speak(text, voice, arguments)
        return self._connection.call(self._stub.Synthesize, request)

    def stream_speak(
        self, text: str, voice: str = "", **arguments: Unpack[SpeechArguments]
    ) -> SoundStream:
        """As `speak`, of any length, but gives the sound as it comes; `save` writes a file."""
        request = media_requests.speak(text, voice, arguments)
        return SoundStream(self._connection.stream(self._stub.StreamSynthesize, request))

    def transcribe(
        self,
        recording: Source | None = None,
        model: str = "",
        *,
        file_id: str = "",
        **arguments: Unpack[TranscriptionArguments],
    ) -> Transcript:
        """Writes down what is said in a recording, or in a kept file; returns when it was heard."""
        inline, kept = self._given(recording)
        try:
            request = media_requests.transcribe(inline, kept or file_id, model, arguments)
            return self._connection.call(self._stub.Transcribe, request)
        finally:
            if kept:
                self._files.delete(kept)

    def stream_transcribe(
        self,
        recording: Source | None = None,
        model: str = "",
        *,
        file_id: str = "",
        **arguments: Unpack[TranscriptionArguments],
    ) -> TranscriptStream:
        """As `transcribe`, but gives each part as soon as it was heard. Close what this gives, or
        leave its `with` block: that removes what is kept of the recording."""
        inline, kept = self._given(recording)
        request = media_requests.transcribe(inline, kept or file_id, model, arguments)
        events = self._connection.stream(self._stub.StreamTranscribe, request)
        return TranscriptStream(events, self._files, kept)

    def transcribe_live(
        self,
        sound: Iterable[bytes],
        model: str = "",
        **arguments: Unpack[LiveArguments],
    ) -> TranscriptStream:
        """Writes down what is said while it is said. `sound` gives samples of 16 bits, the lowest
        byte first, of one channel; when it ends, what is left is heard."""
        config = media_requests.live(model, arguments)
        attempts = self._connection.attempts(once=True, sends=True)
        sent = Replayed(_messages(config, sound))
        events = EventStream(
            lambda: self._stub.TranscribeLive(sent.again(), metadata=attempts.metadata),
            self._connection.address,
            attempts,
            sent,
        )
        return TranscriptStream(events)

    def _given(self, recording: Source | None) -> tuple[bytes | None, str]:
        """What goes with the call, or the id of the file that is kept for it."""
        if recording is None or (isinstance(recording, bytes) and len(recording) <= INLINE_BYTES):
            return recording, ""
        file = self._files.upload(recording, retention_seconds=KEPT_SECONDS)
        return None, file.file_id


def _messages(
    config: TranscribeLiveConfig, sound: Iterable[bytes]
) -> Generator[TranscribeLiveRequest]:
    yield TranscribeLiveRequest(config=config)
    for part in sound:
        yield TranscribeLiveRequest(audio=part)
