"""The server's end of its link to a worker: commands go out, steps come in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator

from funland.worker.v1.worker_pb2 import Command, Step

_LENGTH_BYTES = 4
_READ_AHEAD = 1024**2


class Link:
    """One socket of a pair whose other the worker has; `worker.proto` tells what it carries."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def pair(cls) -> tuple[Link, socket.socket]:
        """A link, and the socket that the worker must inherit."""
        own, workers = socket.socketpair()
        return cls(*await asyncio.open_connection(sock=own, limit=_READ_AHEAD)), workers

    def send(self, command: Command) -> None:
        """Sends a command as soon as the worker takes it; none when it has let go."""
        if self._writer.is_closing():
            return
        message = command.SerializeToString()
        self._writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)

    async def steps(self) -> AsyncGenerator[Step]:
        """What the worker tells, until it ends."""
        while True:
            try:
                length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
                message = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            yield Step.FromString(message)

    def close(self) -> None:
        """Lets go of the worker. Closing twice is no error."""
        self._writer.close()
