"""Answers and responses that come piece by piece, and the whole of them once they are complete."""

from __future__ import annotations

from funland.v1.inference_pb2 import GenerationEvent
from funland.v1.responses_pb2 import ResponseEvent
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.asynchronous.piece_streams import AsyncPieceStream
from funland_client.streamed_answers import StreamedAnswer
from funland_client.streamed_responses import StreamedResponse


class AsyncTextStream(StreamedAnswer, AsyncPieceStream[GenerationEvent]):
    """The answer of a generation, by its pieces."""

    def __init__(self, events: AsyncEventStream[GenerationEvent], n: int = 1) -> None:
        super().__init__(n)
        self._events = events


class AsyncResponseStream(StreamedResponse, AsyncPieceStream[ResponseEvent]):
    """The answer of a response, by its pieces."""

    def __init__(self, events: AsyncEventStream[ResponseEvent]) -> None:
        super().__init__()
        self._events = events
