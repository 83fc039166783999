"""Speaks MCP by its SDK, in any of its versions. Nothing else knows the SDK's client.

The SDK is imported when the first server is needed, and never where there is none.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

from funland_server.mcp.http import Place, http_transport, said
from funland_server.mcp.results import Block, outcome
from funland_server.mcp.server import (
    Connection,
    ConnectionLostError,
    ListedTool,
    Outcome,
    ToolFailedError,
)
from funland_server.mcp.stdio import Program, stdio_transport

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import IncomingMessage
    from mcp_types import CallToolResult

_MOST_PAGES: Final = 64
_LONGEST_WORDS: Final = 2000

Transport = Callable[[Callable[[str], None]], AbstractAsyncContextManager[Any]]
"""Streams of messages; the function that it is given is told why nothing more comes."""


def by_command(program: Program) -> Transport:
    """Over the standard input and output of a process."""
    return lambda lost: stdio_transport(program, lost)


def by_url(place: Place) -> Transport:
    """Over streamable HTTP."""
    return lambda _: http_transport(place)


@asynccontextmanager
async def connected(
    transport: Transport,
    *,
    changed: Callable[[], None],
    lost: Callable[[str], None],
    timeout_seconds: float,
) -> AsyncGenerator[Connection]:
    """A server that answers, in the newest version of MCP that it knows.

    Args:
        transport: How it is reached.
        changed: Called when the server says that its tools have changed.
        lost: Told why it answers no more, where that is seen.
        timeout_seconds: How long each answer may take.

    Raises:
        ConnectionLostError: It can't be reached, or says what is not MCP.
    """
    await asyncio.to_thread(importlib.import_module, "mcp")  # most of a second
    from mcp import Client  # noqa: PLC0415 - as above
    from mcp_types import Implementation, ToolListChangedNotification  # noqa: PLC0415 - as above

    # It tells what servers say, which may be secret, and each of their mistakes with a traceback.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger("httpx2").setLevel(logging.WARNING)

    async def heed(message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            changed()

    client = Client(
        transport(lost),
        message_handler=heed,
        client_info=Implementation(name="funland", version="0.1"),
        read_timeout_seconds=timeout_seconds,
        cache=None,
    )
    entered = False
    try:
        async with client:
            entered = True
            listening = asyncio.create_task(_listen(client, changed))
            try:
                yield _Connection(client)
            finally:
                listening.cancel()
                await asyncio.wait([listening])
    except ConnectionLostError:
        raise
    except BaseExceptionGroup as group:
        if entered or group.split(Exception)[1] is not None:
            raise
        raise ConnectionLostError(_why(_first(group))) from group
    except Exception as error:
        if entered:
            raise
        raise ConnectionLostError(_why(error)) from error


class _Connection:
    """See `Connection`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> AsyncIterator[ListedTool]:
        # Not by the client's own method: it keeps the schemas of results, which strangers wrote,
        # and holds each result against them in this thread, however long that takes.
        from mcp_types import ListToolsRequest, ListToolsResult, PaginatedRequestParams  # noqa: PLC0415 - as above

        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            params = None if cursor is None else PaginatedRequestParams(cursor=cursor)
            with _in_our_words():
                page = await self._client.session.send_request(
                    ListToolsRequest(params=params), ListToolsResult
                )
            for tool in page.tools:
                yield ListedTool(tool.name, tool.description or "", tool.input_schema)
            cursor = page.next_cursor
            if not cursor:
                return

    async def call(self, tool: str, arguments: dict[str, Any]) -> Outcome:
        from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult  # noqa: PLC0415 - as above

        request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=arguments))
        with _in_our_words():
            result = await self._client.session.send_request(request, CallToolResult)
        return outcome(_blocks(result), result.structured_content, is_failure=result.is_error)


@contextmanager
def _in_our_words() -> Generator[None]:
    """Turns the SDK's errors into those of `server`."""
    from mcp import MCPError  # noqa: PLC0415 - as above
    from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT  # noqa: PLC0415 - as above
    from pydantic import ValidationError  # noqa: PLC0415 - beside those

    try:
        yield
    except MCPError as error:
        if error.code == REQUEST_TIMEOUT:
            raise TimeoutError from error
        if error.code == CONNECTION_CLOSED or error.message == "Session terminated":
            raise ConnectionLostError("the connection has ended.") from error
        raise ToolFailedError(error.message[:_LONGEST_WORDS]) from error
    except ValidationError as error:
        raise ToolFailedError(
            "its answer is not one that MCP has, or asks for what only a person can give."
        ) from error
    except TimeoutError:
        raise
    except Exception as error:
        raise ConnectionLostError(_why(error)) from error


async def _listen(client: Client, changed: Callable[[], None]) -> None:
    """From 2026-07-28 on, changes are told to those that ask."""
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS  # noqa: PLC0415 - as above

    tools = client.server_capabilities.tools
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (
        tools is not None and tools.list_changed
    ):
        return
    with suppress(Exception):  # then the list is asked for anew when it is old
        async with client.listen(tools_list_changed=True) as events:
            async for _ in events:
                changed()


def _blocks(result: CallToolResult) -> Iterator[Block]:
    for block in result.content:
        match block.type:
            case "text":
                yield Block("text", text=block.text)
            case "image" | "audio":
                yield Block(block.type, media_type=block.mime_type, size=len(block.data))
            case "resource_link":
                yield Block("link", text=block.description or "", uri=str(block.uri))
            case "resource":
                inner = block.resource
                text = getattr(inner, "text", "")
                yield Block("resource", text, inner.mime_type or "", str(inner.uri))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", first)
        first = group.exceptions[0]
    return first


def _why(error: BaseException) -> str:
    """What a failure says, in words that hold no secret: of the kinds that are not known, the kind
    alone."""
    if isinstance(error, ConnectionLostError):
        return str(error)
    from mcp import MCPError  # noqa: PLC0415 - as above

    if isinstance(error, MCPError):
        return f"it answers with an error: {error.message[:_LONGEST_WORDS]}"
    return said(error)
