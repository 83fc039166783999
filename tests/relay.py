"""A relay before a server, whose lines a test cuts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Relay:
    """Passes bytes on between whoever calls `address` and the server at `target`."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._lines: set[asyncio.StreamWriter] = set()
        self.address = ""

    def cut(self) -> None:
        """Breaks all lines; new ones can be made."""
        for line in self._lines:
            line.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes one line on, both ways, to its end."""
        answers, requests = await asyncio.open_connection(self._host, self._port)
        self._lines |= {writer, requests}
        try:
            await asyncio.gather(_pass(reader, requests), _pass(answers, writer))
        finally:
            self._lines -= {writer, requests}


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relaying(target: str) -> AsyncGenerator[Relay]:
    """Opens a relay to `host:port` on a port of its own."""
    relay = Relay(target)
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(relay.serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    relay.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await asyncio.gather(*tasks, return_exceptions=True)
