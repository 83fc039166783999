"""Reaches an MCP server over streamable HTTP: a URL that the settings name, and nowhere else."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from funland_server.mcp.server import ConnectionLostError

if TYPE_CHECKING:
    import httpx2
    from mcp.client._transport import TransportStreams

LARGEST_BODY: Final = 4 * 1024**2
"""Bytes of one answer, or of one event of a stream."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is."""

    url: str
    headers: Mapping[str, str]
    proxy: str | None
    timeout_seconds: float


def is_here(url: str) -> bool:
    """Whether a URL leads to this machine by its very text."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def http_transport(place: Place) -> AsyncGenerator[TransportStreams]:
    """Streams of messages, as the SDK's client takes them.

    The environment says nothing of proxies or certificates, redirects are followed within the URL's
    origin alone, and what comes is plain and bounded.
    """
    import httpx2  # noqa: PLC0415 - only who uses MCP servers needs the SDK and its parts
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - as above

    class Bounded(httpx2.AsyncBaseTransport):
        """Ends an answer that is longer than it may be, or packed."""

        def __init__(self) -> None:
            proxy = None if is_here(place.url) else place.proxy
            self._inner = httpx2.AsyncHTTPTransport(trust_env=False, proxy=proxy)

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await self._inner.handle_async_request(request)
            if response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise httpx2.RemoteProtocolError("The answer is packed, which was not asked for.")
            kind = response.headers.get("content-type", "").partition(";")[0].strip()
            if kind != "text/event-stream":  # of those the SDK bounds each event
                response.stream = _Counted(response.stream)
            return response

        async def aclose(self) -> None:
            await self._inner.aclose()

    class _Counted(httpx2.AsyncByteStream):
        def __init__(self, inner: httpx2.AsyncByteStream | httpx2.SyncByteStream) -> None:
            self._inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            count = 0
            inner = cast("httpx2.AsyncByteStream", self._inner)  # of an asynchronous client
            async for part in inner:
                count += len(part)
                if count > LARGEST_BODY:
                    size = f"{LARGEST_BODY // 1024**2} MiB"
                    raise httpx2.RemoteProtocolError(f"The answer has more than {size}.")
                yield part

        async def aclose(self) -> None:
            await cast("httpx2.AsyncByteStream", self._inner).aclose()

    client = httpx2.AsyncClient(
        headers={"accept-encoding": "identity"} | dict(place.headers),
        transport=Bounded(),
        timeout=httpx2.Timeout(place.timeout_seconds, read=None),
        trust_env=False,
    )
    try:
        async with (
            client,
            streamable_http_client(
                place.url, http_client=client, max_sse_event_size=LARGEST_BODY
            ) as streams,
        ):
            yield streams
    except httpx2.TransportError as error:
        raise ConnectionLostError(said(error)) from error


def said(error: BaseException) -> str:
    """What a failure of the line says, without the URL, which may hold a secret."""
    kind = type(error).__name__
    words = f": {error}" if kind == "RemoteProtocolError" else "."  # those are of the protocol
    return f"it can't be reached ({kind}){words}"
