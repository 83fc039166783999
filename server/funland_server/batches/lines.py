"""What a batch's line asks, and how its answer is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeAlias

from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
)
from funland.v1.responses_pb2 import CreateResponseRequest

Request: TypeAlias = (
    ChatRequest | GenerateRequest | BatchGenerateRequest | EmbedRequest | CreateResponseRequest
)


class Refused(Exception):
    """A line that asks what can't be asked: the answer's HTTP status, and its body as JSON."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"The line is refused with {status}.")
        self.status = status
        self.body = body


class Asked(Protocol):
    """A line that could be read."""

    @property
    def request(self) -> Request:
        """What is asked, by the contract."""
        ...

    def answer(self, response: Message) -> bytes:
        """The line's answer as JSON, of the RPC's response; raises Refused."""
        ...

    def failure(self, error: Error) -> tuple[int, bytes]:
        """The answer's status and body for a call that failed, in the line's own words."""
        ...


class Lines(Protocol):
    """The shape that an API gives to lines."""

    @property
    def endpoints(self) -> Collection[str]:
        """The endpoints that lines may have."""
        ...

    def read(self, endpoint: str, body: Mapping[str, Any]) -> Asked:
        """Reads a line's `body`, parsed; raises Refused."""
        ...
