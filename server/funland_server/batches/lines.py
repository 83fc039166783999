"""What a batch's line asks, and how its answer is written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import ChatRequest, EmbedRequest, GenerateRequest
from funland.v1.responses_pb2 import CreateResponseRequest

Request: TypeAlias = ChatRequest | GenerateRequest | EmbedRequest | CreateResponseRequest


class Asked(Protocol):
    """A line that could be read."""

    @property
    def request(self) -> Request:
        """What is asked, by the contract."""
        ...

    def answer(self, response: Message) -> bytes:
        """The line's answer as JSON, of the RPC's response."""
        ...


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A line that asks what can't be asked: the answer's status, and its body as JSON."""

    status: int
    body: bytes


class Lines(Protocol):
    """The shape that an API gives to lines."""

    @property
    def endpoints(self) -> Collection[str]:
        """The endpoints that lines may have."""
        ...

    def read(self, endpoint: str, body: bytes) -> Asked:
        """Reads a line's `body`, which is JSON; raises Refused."""
        ...

    def failure(self, endpoint: str, error: Error) -> tuple[int, bytes]:
        """The answer's status and body for a call that failed."""
        ...
