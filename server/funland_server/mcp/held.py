"""One MCP server of the settings: reached when it is first needed, kept, and reached anew after a
loss."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Any, Final

import structlog

from funland.v1.mcp_pb2 import McpServer
from funland_server.mcp.errors import McpServerUnavailableError
from funland_server.mcp.naming import OfferedTool, offered
from funland_server.mcp.results import told
from funland_server.mcp.server import (
    Connection,
    ConnectionLostError,
    ListedTool,
    Outcome,
    ToolFailedError,
)
from funland_server.mcp.settings import McpServerSettings
from funland_server.mcp.untrusted import redacted
from funland_server.workers.backoff import Backoff

logger = structlog.get_logger(__name__)

Connect = Callable[
    [Callable[[], None], Callable[[str], None]], AbstractAsyncContextManager[Connection]
]
"""Reaches a server. The first function is called when its tools change, the second is told why it
answers no more."""

_CALLS_AT_ONCE: Final = 8
_MOST_LISTED: Final = 1024
_OLD_SECONDS: Final = 300.0
"""After so long the tools are asked for again, though nobody said that they changed."""
_PATIENCE_SECONDS: Final = 5.0
"""So long a call waits for a server that was lost before it."""
_TIMEOUTS: Final = 2
"""After so many in a row a server is taken to hang."""


class HeldServer:
    """What it has is shared by all chats."""

    def __init__(self, name: str, settings: McpServerSettings, connect: Connect) -> None:
        self.name = name
        self.settings = settings
        self.state: McpServer.State.ValueType = McpServer.IDLE
        self.known: tuple[OfferedTool, ...] = ()
        """Its tools, as it last told them."""
        self.error: McpServerUnavailableError | None = None
        """Why it last could not be reached, or was lost."""
        self._connect = connect
        self._turn = asyncio.Lock()
        self._places = asyncio.Semaphore(_CALLS_AT_ONCE)
        self._backoff = Backoff()
        self._connection: Connection | None = None
        self._ready: asyncio.Future[Connection] | None = None
        """Of the connection that there is, or that is being made."""
        self._holding: asyncio.Task[None] | None = None
        self._let_go = asyncio.Event()
        self._since = 0.0
        self._listed = 0.0
        self._stale = True
        self._timeouts = 0
        self._closed = False

    @property
    def retry_seconds(self) -> float:
        """How long nobody tries to reach it; 0: the next use does."""
        return self._backoff.remaining_seconds

    async def tools(self) -> tuple[OfferedTool, ...]:
        """What it offers and the settings allow; raises McpServerUnavailableError."""
        async with self._turn:
            connection = await self._connected()
            if self._stale or monotonic() - self._listed > _OLD_SECONDS:
                await self._list(connection)
            return self.known

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        """What came of a call; whatever goes wrong is a failure, in words for the model."""
        seconds = self.settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                async with self._turn:
                    if self._ready is None and self.retry_seconds <= _PATIENCE_SECONDS:
                        await asyncio.sleep(self.retry_seconds)
                    connection = await self._connected()
                async with self._places:
                    result = await connection.call(tool, arguments)
        except TimeoutError:
            self._timeouts += 1
            if self._timeouts >= _TIMEOUTS:
                self._lost("it did not answer in time, again and again.")
            result = Outcome(f"the tool did not answer within {seconds:g} s.", is_failure=True)
        except ConnectionLostError as error:
            self._lost(str(error))
            why = self._why(self.error) if self.error is not None else str(error)
            result = Outcome(f"the tool's server was lost: {why}", is_failure=True)
        except ToolFailedError as error:
            self._timeouts = 0
            result = Outcome(str(error), is_failure=True)
        except McpServerUnavailableError as error:
            result = Outcome(error.message, is_failure=True)
        else:
            self._timeouts = 0
        return told(result, self.settings.result_bytes, self.settings.secrets)

    async def close(self) -> None:
        """Ends the connection, and the process behind it. Closing twice is no error."""
        self._closed = True
        self._let_go.set()
        if self._holding is not None:
            await asyncio.wait([self._holding])

    async def _connected(self) -> Connection:
        """The connection, which is made if there is none; raises McpServerUnavailableError."""
        if self._connection is not None:
            return self._connection
        if self._closed:
            raise self._unavailable("the server is stopping.")
        if self._ready is None:
            if self.retry_seconds and self.error is not None:
                raise self._unavailable(self._why(self.error))
            if self._holding is not None:  # the one before may still be ending
                await asyncio.wait([self._holding])
            self.state = McpServer.CONNECTING
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.add_done_callback(_heeded)
            # Not in the caller's context: it goes on when that call has ended, for others.
            self._holding = asyncio.create_task(self._hold(), context=contextvars.Context())
        try:
            return await asyncio.shield(self._ready)
        except ConnectionLostError as error:
            raise self._unavailable(str(error)) from error

    async def _hold(self) -> None:
        """Has a connection until it is let go: what opens it must close it."""
        seconds = self.settings.timeout_seconds
        let_go = self._let_go = asyncio.Event()

        def lost(why: str) -> None:
            if self._let_go is let_go:
                self._lost(why)

        why = ""
        try:
            async with asyncio.timeout(seconds) as limit:
                async with self._connect(self._changed, lost) as connection:
                    limit.reschedule(None)
                    if not self._have(connection):
                        return
                    await let_go.wait()
        except TimeoutError:
            why = f"it did not answer within {seconds:g} s."
        except ConnectionLostError as error:
            why = str(error)
        except Exception as error:  # whatever the SDK leaves: the next use connects anew
            why = f"it failed ({type(error).__name__})."
        if self._let_go is let_go:
            self._leave(why)

    def _have(self, connection: Connection) -> bool:
        """Takes a connection; says whether anybody still wants it."""
        if self._ready is None:
            return False
        self._connection, self._since, self._stale = connection, monotonic(), True
        self._timeouts = 0
        self.state, self.error = McpServer.READY, None
        self._ready.set_result(connection)
        logger.info("mcp_server_ready", server=self.name)
        return True

    def _leave(self, why: str) -> None:
        """The connection is of no use any more, or there never was one."""
        if self._ready is None:
            return
        ready, self._ready = self._ready, None
        lived = monotonic() - self._since if self._connection is not None else 0.0
        self._connection = None
        if self._closed:
            self.state = McpServer.IDLE
        else:
            self._backoff.lost(lived)
            self.state, self.error = McpServer.FAILED, self._unavailable(why)
            logger.warning("mcp_server_lost", server=self.name, reason=self._why(self.error))
        if not ready.done():
            ready.set_exception(ConnectionLostError(why))

    async def _list(self, connection: Connection) -> None:
        listed: list[ListedTool] = []
        self._stale = False  # what changes from here on makes it stale again
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                async for tool in connection.tools():
                    listed.append(tool)
                    if len(listed) == _MOST_LISTED:
                        break
        except (ConnectionLostError, ToolFailedError, TimeoutError) as error:
            why = str(error) or "it did not list its tools in time."
            self._lost(why)
            raise self._unavailable(why) from error
        allowed = self.settings.tools
        self.known = offered(self.name, listed, None if allowed is None else set(allowed))
        self._listed = monotonic()

    def _changed(self) -> None:
        self._stale = True

    def _lost(self, why: str) -> None:
        """Lets a connection go that was seen to be of no use any more."""
        self._let_go.set()
        self._leave(why)

    def _unavailable(self, why: str) -> McpServerUnavailableError:
        error = McpServerUnavailableError(self.name, redacted(why, self.settings.secrets))
        error.retry_seconds = self._backoff.remaining_seconds or None
        return error

    def _why(self, error: McpServerUnavailableError) -> str:
        return error.message.partition(": ")[2]


def _heeded(ready: asyncio.Future[Connection]) -> None:
    """Who asked may have gone, and asyncio would report that nobody heard of the failure."""
    ready.exception()
