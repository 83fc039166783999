"""What is said over a WebSocket, and nothing of how."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, Protocol

from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.failures import failure


class Binary(bytes):
    """A message that is no text."""


class Over(Enum):
    """What a client says that has nothing more to say, and waits for the rest."""

    OVER = "over"


OVER: Final = Over.OVER


class Talk(Protocol):
    """One client's conversation, each message a JSON text. It may remember what was said.

    `now` is in seconds since 1970.
    """

    def tell(self, event: Any) -> Iterable[bytes]:
        """What the client hears of an event of the RPC behind."""
        ...

    def hear(self, said: str | bytes, now: int) -> Iterable[bytes | Message | Over]:
        """What follows from a message of the client's: answers, and requests for an RPC that takes
        a stream, or that there are no more of these. What is wrong with one is an answer too, or
        `CallFailed`, which ends the conversation."""
        ...

    def beat(self, now: int) -> bytes | None:
        """What tells a client that hears nothing else that the server is there; None: nothing
        does."""
        ...

    def end(self, now: int) -> bytes | None:
        """The last message when the RPC has ended by itself. None: it does not but when the server
        stops."""
        ...

    def fail(self, error: Error, now: int) -> bytes:
        """The last message before the WebSocket is closed for an error."""
        ...


def text(said: str | bytes) -> str:
    """A message that must be a text; raises `CallFailed`."""
    if isinstance(said, bytes):
        raise failure(
            "INVALID_ARGUMENT",
            ErrorReason.CONTENT_UNSUPPORTED,
            "Send text, not bytes: each message is a JSON text.",
            supported="text",
        )
    return said
