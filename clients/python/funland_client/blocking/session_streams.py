# Generated from ../asynchronous/session_streams.py by `make client`: edit that one.
"""Answers in sessions that come piece by piece, and sessions that are spoken in while they do."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self, Unpack
from uuid import uuid4

import grpc

from funland.v1.sessions_pb2 import ConverseRequest, SessionEvent
from funland_client import session_requests
from funland_client.arguments import MessageArguments
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.piece_streams import PieceStream
from funland_client.errors import FunlandError
from funland_client.flavours import End, Outbox, next_message, renewed
from funland_client.formats import Format
from funland_client.shown import Said
from funland_client.status import error_from_call
from funland_client.streamed_messages import StreamedMessage
from funland_client.streamed_sessions import StreamedSession


class MessageStream(StreamedMessage, PieceStream[SessionEvent]):
    """The answer of a session, by its pieces."""

    def __init__(self, events: EventStream[SessionEvent]) -> None:
        super().__init__()
        self._events = events


class SessionStream(StreamedSession, Iterator[SessionEvent]):
    """Iterates over a session's events; meanwhile, things can be said in it.

    A connection that breaks is made again, as often after each event as `retries` says: events go
    on after the last, and what the server may not have got is said again, once for it. Leaving its
    `with` block ends the call if it still runs; answers go on.
    """

    def __init__(
        self,
        connection: Connection,
        method: grpc.StreamStreamMultiCallable[ConverseRequest, SessionEvent],
        session_id: str,
        after: int | None,
    ) -> None:
        super().__init__(session_id, after)
        self._connection = connection
        self._method = method
        self._attempts = connection.attempts(sends=True)
        self._over = End()
        self._done = False
        self._unheard: list[ConverseRequest] = []
        self._connect()

    def send(
        self,
        content: Said = "",
        *,
        format: Format | None = None,  # noqa: A002 - the contract's name
        reference: str = "",
        **arguments: Unpack[MessageArguments],
    ) -> str:
        """Says something, also while an answer is under way; as `sessions.send`.

        Returns at once with the `reference`, one of its own if none is given: the first event that
        tells of it, or that it was `rejected`, has that.
        """
        request = session_requests.send("", content, arguments, format=format)
        return self._say(ConverseRequest(reference=reference, send=request))

    def cancel(self, message_id: str = "") -> str:
        """Ends an answer: the one that is being written, if none is named. As `send`."""
        named = message_id or next(iter(self.writing), "")
        return self._say(ConverseRequest(cancel=ConverseRequest.CancelMessage(message_id=named)))

    def ping(self) -> str:
        """Asks whether the server is there; a `pong` is the answer. As `send`."""
        request = ConverseRequest()
        request.ping.SetInParent()
        return self._say(request)

    def done(self) -> None:
        """Says no more: iteration ends when all that was said here has its answer."""
        self._done = True
        self._outbox.close()

    def __next__(self) -> SessionEvent:
        """Waits for the next event. Raises what `errors` names when the call fails."""
        while not self._over.is_set():
            try:
                event = next_message(self._call)
            except grpc.RpcError as error:
                self._reconnect(error)
                continue
            if event is not None:
                self._attempts = self._connection.attempts(sends=True)
                self._heard = True
                self._unheard.clear()
                self._take(event)
                if self._done and self._idle:
                    self._outbox.close()
                return event
            self._end()
        raise StopIteration

    def _say(self, request: ConverseRequest) -> str:
        if self._done or self._over.is_set():
            raise RuntimeError("The stream is over: nothing can be said in it any more.")
        request.reference = request.reference or uuid4().hex
        self._said(request)
        if not self._heard:
            self._unheard.append(request)
        self._outbox.put(request)
        return request.reference

    def _connect(self, *, refused: bool = False) -> None:
        """Makes the call. One that was `refused` is made again with all that was said in it."""
        # What is said meanwhile goes behind what opens the call, perhaps twice.
        outbox = Outbox[ConverseRequest]()
        first, *again = self._opening()
        outbox.put(first)
        self._outbox = outbox
        if not refused:
            self._unheard, self._heard = again, False
        for request in [*self._unheard]:
            outbox.put(request)
        self._call = self._method(outbox, metadata=self._attempts.metadata)

    def _reconnect(self, error: grpc.RpcError) -> None:
        """Makes the call again after a while; raises what `error` means if it is not to be."""
        self._outbox.close()
        if self._over.is_set():
            return
        failure = error_from_call(error, self._connection.address)
        try:
            again = renewed(self._attempts, failure)
        except FunlandError:
            self._end()
            raise
        seconds = 0.0 if again else self._attempts.pause(failure)
        if seconds is None:
            self._end()
            raise failure from error
        if not self._over.comes_within(seconds):
            self._connect(refused=again)

    def _end(self) -> None:
        self._over.set()
        self._outbox.close()

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._end()
        self._call.cancel()

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
