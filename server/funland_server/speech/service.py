"""`funland.v1.SpeechService`: the wire on one side, voices and recognisers on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from funland.v1 import speech_pb2
from funland_server.speech.answering import Answering
from funland_server.speech.hearing import Hearing
from funland_server.speech.live_hearing import LiveHearing
from funland_server.speech.speaking import Speaking


class SpeechService:
    """Answers the RPCs of `SpeechService`; see `speech.proto`."""

    def __init__(
        self, speaking: Speaking, answering: Answering, hearing: Hearing, live_hearing: LiveHearing
    ) -> None:
        self._speaking = speaking
        self._answering = answering
        self._hearing = hearing
        self._live_hearing = live_hearing

    async def ListVoices(
        self, request: speech_pb2.ListVoicesRequest
    ) -> speech_pb2.ListVoicesResponse:
        """See `speech.proto`."""
        return speech_pb2.ListVoicesResponse(
            voices=self._speaking.voices(request.language, request.model)
        )

    async def Synthesize(
        self, request: speech_pb2.SynthesizeRequest
    ) -> speech_pb2.SynthesizeResponse:
        """See `speech.proto`."""
        return await self._answering.complete(request)

    def StreamSynthesize(
        self, request: speech_pb2.SynthesizeRequest
    ) -> AsyncGenerator[speech_pb2.SpeechEvent]:
        """See `speech.proto`."""
        return self._speaking.stream(request)

    async def BatchSynthesize(
        self, request: speech_pb2.BatchSynthesizeRequest
    ) -> speech_pb2.BatchSynthesizeResponse:
        """See `speech.proto`."""
        results = await self._answering.complete_all(request.requests)
        return speech_pb2.BatchSynthesizeResponse(results=results)

    async def Transcribe(self, request: speech_pb2.TranscribeRequest) -> speech_pb2.Transcript:
        """See `speech.proto`."""
        return await self._hearing.complete(request)

    def StreamTranscribe(
        self, request: speech_pb2.TranscribeRequest
    ) -> AsyncGenerator[speech_pb2.TranscriptEvent]:
        """See `speech.proto`."""
        return self._hearing.stream(request)

    def TranscribeLive(
        self, requests: AsyncIterator[speech_pb2.TranscribeLiveRequest]
    ) -> AsyncGenerator[speech_pb2.TranscriptEvent]:
        """See `speech.proto`."""
        return self._live_hearing.stream(requests)
