"""Watches the gateway's sockets: how many there are, and that none is held for nothing.

aiohttp keeps a connection that sends half a request, or none, for as long as it likes. So each of
its protocols runs inside one of ours, which knows three states:

    head      until a request's head is complete: `header_timeout_seconds`
    busy      a request is handled: its body and its answer have deadlines of their own
    resting   until the next request's first byte: `idle_timeout_seconds`
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import orjson
import structlog
from aiohttp import web

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.config import GatewaySettings
from funland_gateway.failures import failure
from funland_gateway.http_protocol import HttpProtocol
from funland_gateway.request_ids import HEADER
from funland_gateway.transcoding.encoder import encode

_log = structlog.get_logger(__name__)

MakeProtocol = Callable[[], HttpProtocol]


class Connections:
    """The open connections of one gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._open: dict[asyncio.BaseProtocol, _Connection] = {}
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def watched(self, make: MakeProtocol) -> Callable[[], asyncio.Protocol]:
        """The same factory of protocols for a listening socket, under watch."""
        return lambda: _Connection(self, make, self._settings)

    @contextmanager
    def handling(self, request: web.Request) -> Generator[None]:
        """While a request is handled, its connection is busy."""
        connection = self._open.get(request.protocol)
        self._busy += 1
        self._quiet.clear()
        if connection:
            connection.work()
        try:
            yield
        finally:
            if connection:
                connection.rest()
            self._busy -= 1
            if not self._busy:
                self._quiet.set()

    async def drain(self, grace_seconds: float) -> None:
        """Waits until no request is handled, at most so long."""
        try:
            async with asyncio.timeout(grace_seconds):
                await self._quiet.wait()
        except TimeoutError:
            _log.warning("requests_cut_off", count=self._busy)

    def admit(self, protocol: asyncio.Protocol, connection: _Connection) -> bool:
        """Counts a connection in, unless there are as many as there may be."""
        if len(self._open) >= self._settings.max_connections:
            _log.warning("connection_refused", max_connections=self._settings.max_connections)
            return False
        self._open[protocol] = connection
        return True

    def leave(self, protocol: asyncio.Protocol) -> None:
        """Counts a connection out."""
        self._open.pop(protocol, None)


class _Connection(asyncio.Protocol):
    """One socket: passes everything on to aiohttp's protocol, and closes it when it is late."""

    def __init__(
        self, connections: Connections, make: MakeProtocol, settings: GatewaySettings
    ) -> None:
        self._connections = connections
        self._inner = make()
        self._settings = settings
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._resting = False
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        if not self._connections.admit(self._inner, self):
            transport.write(_refusal(self._settings.max_connections))
            transport.close()
            return
        self._transport = transport
        self._give(self._settings.header_timeout_seconds)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._resting:
            self._resting = False
            self._give(self._settings.header_timeout_seconds)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._transport else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        self._take_back()
        self._connections.leave(self._inner)
        self._inner.connection_lost(exc)

    def work(self) -> None:
        """A request's head is complete."""
        self._resting = False
        self._inner.forget()
        self._take_back()

    def rest(self) -> None:
        """The request has its answer, though some of it may be unsent yet."""
        if self._transport is not None:
            self._resting = True
            self._inner.expect()
            self._unsent = self._transport.get_write_buffer_size()
            self._give(self._settings.idle_timeout_seconds)

    def _give(self, seconds: float) -> None:
        self._take_back()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._late)

    def _take_back(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        if self._transport is None:
            return
        unsent = self._transport.get_write_buffer_size()
        if self._resting and unsent < self._unsent:
            # A long answer is on its way to a slow reader.
            self._unsent = unsent
            self._give(self._settings.idle_timeout_seconds)
        else:
            self._transport.abort()


def _refusal(max_connections: int) -> bytes:
    failed = failure(
        "UNAVAILABLE",
        ErrorReason.TOO_MANY_CONNECTIONS,
        f"The gateway has {max_connections} connections, as many as it takes. Try again later.",
    )
    failed.error.request_id = uuid.uuid4().hex
    body = orjson.dumps({"error": encode(failed.error)})
    head = (
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
        f"{HEADER}: {failed.error.request_id}\r\n"
        f"content-length: {len(body)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
