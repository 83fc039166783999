"""How far a stream of text has come, and what its end means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import grpc

from funland_client.errors import FunlandError, ServerUnreachableError, StreamBrokenError

Event = TypeVar("Event")


class Progress(ABC, Generic[Event]):
    """How far a stream has come."""

    _closed = False

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether its last event has come."""

    @property
    @abstractmethod
    def begun(self) -> bool:
        """Whether its first event has come."""

    @abstractmethod
    def _take(self, event: Event) -> str:
        """Notes an event; returns the text that it adds."""

    def _check_end(self) -> None:
        """Raises StreamBrokenError if the call ended without its last event."""
        if not (self.complete or self._closed):
            self._closed = True
            raise _broken()

    def _failure(self, error: FunlandError) -> FunlandError:
        """What to raise for `error`: a server that has answered before is not one to be found."""
        self._closed = True
        return _broken() if self.begun and isinstance(error, ServerUnreachableError) else error


def _broken() -> StreamBrokenError:
    return StreamBrokenError(
        "The connection to the server was lost before the answer was complete.",
        code=grpc.StatusCode.UNAVAILABLE,
    )
