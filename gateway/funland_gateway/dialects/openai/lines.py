"""The lines of batches in OpenAI's shape: each is read and answered as its route would be."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import orjson
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Together, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.embeddings import create_embedding
from funland_gateway.dialects.openai.errors import ENVELOPE
from funland_gateway.dialects.openai.responses import create_response
from funland_gateway.dialects.reading import JsonObject, unsupported
from funland_gateway.dialects.words import in_its_words
from funland_gateway.failures import CallFailed, unforeseen

_CALLS: Final[Mapping[str, Callable[[Incoming], Unary | Streaming | Together]]] = {
    "/v1/chat/completions": create_chat_completion,
    "/v1/completions": create_completion,
    "/v1/embeddings": create_embedding,
    "/v1/responses": create_response,
}

ENDPOINTS: Final = tuple(_CALLS)
"""Those that lines may have."""


class OpenAILines:
    """What the server takes for the shape of lines."""

    def __init__(self, refused: Callable[[int, bytes], Exception]) -> None:
        """`refused` makes the server's exception of an answer's status and body."""
        self._refused = refused

    @property
    def endpoints(self) -> Collection[str]:
        """The endpoints that lines may have."""
        return ENDPOINTS

    def read(self, endpoint: str, body: Mapping[str, Any]) -> OpenAILine:
        """Reads a line's body; raises the server's exception."""
        try:
            call = _read(endpoint, JsonObject(body))
        except CallFailed as failed:
            raise self._refused(*_failure(failed.error)) from failed
        except Exception as problem:
            raise self._refused(*_failure(unforeseen(problem).error)) from problem
        return OpenAILine(call, self._refused)


class OpenAILine:
    """A line that could be read."""

    def __init__(self, call: Unary, refused: Callable[[int, bytes], Exception]) -> None:
        self._call = call
        self._refused = refused

    @property
    def request(self) -> Any:
        """What is asked, by the contract."""
        return self._call.message

    def answer(self, response: Message) -> bytes:
        """The line's answer; raises the server's exception for an error that stands in it."""
        try:
            step = self._call.answer(response)
        except CallFailed as failed:
            raise self._refused(*self.failure(failed.error)) from failed
        if not isinstance(step, Reply):
            raise TypeError(f"{self._call.rpc.full_name} answers a line at once")
        return step.content

    def failure(self, error: Error) -> tuple[int, bytes]:
        """The answer's status and body for a call that failed."""
        return _failure(in_its_words(CallFailed(error), self._call).error)


def _read(endpoint: str, body: JsonObject) -> Unary:
    if body.boolean("stream"):
        raise unsupported("stream", "the line of a batch is answered as a whole.")
    if body.boolean("background"):
        raise unsupported("background", "the line of a batch is answered in the background anyway.")
    call = _CALLS[endpoint](Incoming(body=body, path={}, time=int(time.time())))
    if not isinstance(call, Unary):
        raise TypeError(f"{endpoint} answers a line with a stream")
    return call


def _failure(error: Error) -> tuple[int, bytes]:
    return ENVELOPE.status(error), orjson.dumps(ENVELOPE.failure(error))
