"""Sends messages over one WebSocket, no faster than they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import WSMsgType, web

from funland_gateway.talk import Binary

UNSENT: Final = 64 * 1024
"""Bytes that wait in the process before a send waits for the reader."""
_SURELY_TAKEN: Final = 16 * 1024  # of which so many hold up nobody


class ReaderGone(Exception):
    """There is nobody to talk to."""


class Frames:
    """The way to one client."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.BaseTransport | None,
        send_timeout: float,
    ) -> None:
        """A client that reads nothing for `send_timeout` seconds is taken for gone."""
        self._socket = socket
        self._transport = transport
        self._send_timeout = send_timeout

    async def send(self, messages: Iterable[bytes]) -> None:
        """Sends them as texts, but for those that are `Binary`; raises `ReaderGone`."""
        for message in messages:
            kind = WSMsgType.BINARY if isinstance(message, Binary) else WSMsgType.TEXT
            if self._has_room(message):
                # Then it returns at once, and needs no timer, which costs as much as sending.
                try:
                    await self._socket.send_frame(message, kind)
                except ConnectionError:
                    raise _closed() from None
            else:
                async with self._patience():
                    await self._socket.send_frame(message, kind)

    async def close(self, code: int, reason: str = "") -> None:
        """Closes with a code of the protocol's; raises `ReaderGone`."""
        async with self._patience():
            await self._socket.close(code=code, message=reason.encode())

    def _has_room(self, message: bytes) -> bool:
        """Whether the client is behind by so little that a message does not wait for it."""
        transport = self._transport
        if not isinstance(transport, asyncio.WriteTransport):
            return False
        return transport.get_write_buffer_size() + len(message) <= _SURELY_TAKEN

    @asynccontextmanager
    async def _patience(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._send_timeout):
                yield
        except TimeoutError:
            raise ReaderGone(f"it read nothing for {self._send_timeout} seconds") from None
        except ConnectionError:
            raise _closed() from None


def _closed() -> ReaderGone:
    return ReaderGone("it closed the connection")
