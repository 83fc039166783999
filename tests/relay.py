"""A relay before a server, whose lines a test cuts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class Relay:
    """Passes bytes on between whoever calls `address` and the server at `target`."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._lines: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._left: int | None = None
        self.address = ""

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begins to pass a line on, both ways, to its end."""
        self._lines.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cut(self) -> None:
        """Breaks all lines; new ones can be made."""
        for line in self._lines:
            line.transport.abort()

    def cut_after(self, count: int) -> None:
        """Breaks all lines, once, when so many more bytes of answers were to pass."""
        self._left = count

    async def end(self) -> None:
        """Breaks all lines, and comes back when nothing of them is left."""
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = {writer}
        try:
            answers, requests = await asyncio.open_connection(self._host, self._port)
            lines.add(requests)
            self._lines.add(requests)
            await asyncio.gather(_pass(reader, requests), _pass(answers, writer, self._count))
        except BaseException:
            for line in lines:
                line.transport.abort()
            raise
        finally:
            self._lines -= lines

    def _count(self, count: int) -> None:
        if self._left is None:
            return
        self._left -= count
        if self._left < 0:
            self._left = None
            self.cut()


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    count: Callable[[int], None] = lambda _: None,
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            count(len(data))
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relaying(target: str) -> AsyncGenerator[Relay]:
    """Opens a relay to `host:port` on a port of its own."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.take, "127.0.0.1", 0)
    relay.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        await relay.end()
