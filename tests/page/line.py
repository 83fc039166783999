"""A line to a server that a test cuts, while the browser keeps its address."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from tests.relay import Relay


class Line:
    """Passes on what comes to one port, to a server that may be another later. Its loop is a
    thread of its own, as the browser's is the test's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._relay: Relay | None = None
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where the browser goes, whatever is behind."""
        return f"http://127.0.0.1:{self._port}"

    def up(self, url: str) -> None:
        """Leads to a server from now on."""
        self._relay = Relay(url.removeprefix("http://"))
        self._run(self._listen(self._relay))

    def down(self) -> None:
        """Cuts what is open, and takes nothing more."""
        self._run(self._close())

    def cut(self) -> None:
        """Cuts what is open; the next try gets through."""
        assert self._relay is not None
        self._loop.call_soon_threadsafe(self._relay.cut)

    async def _listen(self, relay: Relay) -> None:
        self._server = await asyncio.start_server(relay.take, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._relay is not None:
            await self._relay.end()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


@contextmanager
def line_to(url: str) -> Generator[Line]:
    """A line to a server, until the block ends."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, __: None)  # lines that are cut complain
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    line = Line(loop)
    try:
        line.up(url)
        yield line
    finally:
        line.down()
        asyncio.run_coroutine_threadsafe(_end(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
