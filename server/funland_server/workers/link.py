"""The server's end of its link to a worker: commands go out, steps come in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from funland.worker.v1.worker_pb2 import Command, Step

_LENGTH_BYTES = 4


class Link(asyncio.Protocol):
    """One socket of a pair whose other the worker has; `worker.proto` tells what it carries.

    A step is handed over as soon as it is there, in no task of its own: that would be waked for
    every token of every text.
    """

    def __init__(self) -> None:
        self._take: Callable[[Step], None] | None = None
        self._pending = bytearray()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def pair(cls) -> tuple[Link, socket.socket]:
        """A link, and the socket that the worker must inherit."""
        own, workers = socket.socketpair()
        _, link = await asyncio.get_running_loop().create_connection(cls, sock=own)
        return link, workers

    def send(self, command: Command) -> None:
        """Sends a command as soon as the worker takes it; none when it has let go."""
        if self._transport.is_closing():
            return
        message = command.SerializeToString()
        self._transport.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)

    async def read(self, take: Callable[[Step], None]) -> None:
        """Has `take` called with what the worker tells, until it ends; raises what `take` does."""
        self._take = take
        self._transport.resume_reading()
        await self._over

    def close(self) -> None:
        """Lets go of the worker. Closing twice is no error."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()  # until there is somebody to tell

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        assert self._take is not None  # noqa: S101 - nothing is read before
        self._pending += data
        try:
            for message in _cut(self._pending):
                self._take(Step.FromString(message))
        except Exception as error:
            self._transport.close()
            if not self._over.done():
                self._over.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self._over.done():
            self._over.set_result(None)


def _cut(pending: bytearray) -> list[bytes]:
    """Takes the whole messages, each behind its length, off the front."""
    messages: list[bytes] = []
    at = 0
    while (begin := at + _LENGTH_BYTES) <= len(pending):
        end = begin + int.from_bytes(pending[at:begin], "big")
        if end > len(pending):
            break
        messages.append(bytes(pending[begin:end]))
        at = end
    del pending[:at]
    return messages
