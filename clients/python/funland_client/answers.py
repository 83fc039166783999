"""An answer that comes piece by piece, and what it took once it is complete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

import grpc

from funland.v1.inference_pb2 import Finish, GenerationEvent
from funland_client.errors import FunlandError, ServerUnreachableError, StreamBrokenError
from funland_client.streams import AsyncEventStream, EventStream


class StreamedAnswer:
    """What has come of an answer. `id` and `model` are empty until the model takes the request."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self._pieces: list[str] = []
        self._finish: Finish | None = None
        self._closed = False

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    @property
    def complete(self) -> bool:
        """Whether the answer has come to its end."""
        return self._finish is not None

    @property
    def finish(self) -> Finish:
        """Why the answer ended and what it took. Raises RuntimeError while it is not complete."""
        if self._finish is None:
            raise RuntimeError("The answer is not complete: read the stream to its end first.")
        return self._finish

    def _take(self, event: GenerationEvent) -> str:
        """Notes an event; returns the text that it adds."""
        match event.WhichOneof("event"):
            case "start":
                self.id, self.model = event.start.id, event.start.model
            case "delta":
                self._pieces.append(event.delta.text)
                return event.delta.text
            case "finish":
                self._finish = event.finish
            case _:  # Kinds may be added.
                pass
        return ""

    def _check_end(self) -> None:
        """Raises StreamBrokenError if the call ended without its last event."""
        if not (self.complete or self._closed):
            self._closed = True
            raise _broken()

    def _failure(self, error: FunlandError) -> FunlandError:
        """What to raise for `error`: a server that has answered before is not one to be found."""
        self._closed = True
        return _broken() if self.id and isinstance(error, ServerUnreachableError) else error


class TextStream(StreamedAnswer, Iterator[str]):
    """Iterates over the pieces of an answer, which are to be appended to one another.

    Leaving its `with` block, or `close`, ends the call if it still runs.
    """

    def __init__(self, events: EventStream[GenerationEvent]) -> None:
        super().__init__()
        self._events = events

    def __next__(self) -> str:
        """Waits for the next piece. Raises what `errors` names when the call fails."""
        try:
            for event in self._events:
                if text := self._take(event):
                    return text
        except FunlandError as error:
            raise self._failure(error) from error.__cause__
        self._check_end()
        raise StopIteration

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._closed = True
        self._events.close()

    def __enter__(self) -> Self:
        """Gives itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        self.close()


class AsyncTextStream(StreamedAnswer, AsyncIterator[str]):
    """As `TextStream`, on an event loop."""

    def __init__(self, events: AsyncEventStream[GenerationEvent]) -> None:
        super().__init__()
        self._events = events

    async def __anext__(self) -> str:
        """Waits for the next piece. Raises what `errors` names when the call fails."""
        try:
            async for event in self._events:
                if text := self._take(event):
                    return text
        except FunlandError as error:
            raise self._failure(error) from error.__cause__
        self._check_end()
        raise StopAsyncIteration

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._closed = True
        await self._events.close()

    async def __aenter__(self) -> Self:
        """Gives itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        await self.close()


def _broken() -> StreamBrokenError:
    return StreamBrokenError(
        "The connection to the server was lost before the answer was complete.",
        code=grpc.StatusCode.UNAVAILABLE,
    )
