"""What is said over a WebSocket, and nothing of how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from funland.v1.errors_pb2 import Error


class Talk(Protocol):
    """One client's conversation, each message a JSON text. It may remember what was said.

    `now` is in seconds since 1970.
    """

    def tell(self, event: Any) -> Iterable[bytes]:
        """What the client hears of an event of the RPC that is watched."""
        ...

    def hear(self, text: str, now: int) -> Iterable[bytes]:
        """The answers to a message of the client's; what is wrong with one is an answer too."""
        ...

    def beat(self, now: int) -> bytes:
        """What tells a client that hears nothing else that the server is there."""
        ...

    def fail(self, error: Error, now: int) -> bytes:
        """The last message before the WebSocket is closed for an error."""
        ...
