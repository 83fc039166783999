"""The worker's end of its link to the server: commands come in, steps go out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator

from funland.worker.v1.worker_pb2 import Command, Step

_LENGTH_BYTES = 4
_READ_AHEAD = 1024**2


class Link:
    """One socket of a pair whose other the server has; `worker.proto` tells what it carries."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, descriptor: int) -> Link:
        """Takes over the socket that the process was started with."""
        own = socket.socket(fileno=descriptor)
        return cls(*await asyncio.open_connection(sock=own, limit=_READ_AHEAD))

    def send(self, step: Step) -> None:
        """Sends a step as soon as the server takes it; none when it has let go."""
        if self._writer.is_closing():
            return
        message = step.SerializeToString()
        self._writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)

    async def commands(self) -> AsyncGenerator[Command]:
        """What the server wants, until it lets go."""
        while True:
            try:
                length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
                message = await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            yield Command.FromString(message)
