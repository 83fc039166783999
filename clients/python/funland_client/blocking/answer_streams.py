# Generated from ../asynchronous/answer_streams.py by `make client`: edit that one.
"""Answers and responses that come piece by piece, and the whole of them once they are complete."""

from __future__ import annotations

from funland.v1.inference_pb2 import GenerationEvent
from funland.v1.responses_pb2 import ResponseEvent
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.piece_streams import PieceStream
from funland_client.streamed_answers import StreamedAnswer
from funland_client.streamed_responses import StreamedResponse


class TextStream(StreamedAnswer, PieceStream[GenerationEvent]):
    """The answer of a generation, by its pieces."""

    def __init__(self, events: EventStream[GenerationEvent], n: int = 1) -> None:
        super().__init__(n)
        self._events = events


class ResponseStream(StreamedResponse, PieceStream[ResponseEvent]):
    """The answer of a response, by its pieces."""

    def __init__(self, events: EventStream[ResponseEvent]) -> None:
        super().__init__()
        self._events = events
