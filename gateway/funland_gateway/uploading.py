"""Takes in bodies as they are, a part at a time and no faster than they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

from aiohttp import web
from google.protobuf.message import Message

from funland_gateway.bodies import BODY_TIMEOUT, broken_body, late_body, unsupported_content

PART_BYTES: Final = 256 * 1024

_WRAPPED: Final = "multipart/"


async def raw_parts(request: web.Request) -> AsyncGenerator[bytes]:
    """The body in parts of `PART_BYTES`, the last one smaller; an empty body has none.

    Each part must come within the body's deadline, however many there are: so a body may be of any
    size, but none trickles. Raises `CallFailed` with CONTENT_UNSUPPORTED for one that is
    compressed or a form, and with BODY_MALFORMED for one that is late or broken.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise unsupported_content("Content-Encoding", "identity", encoding)
    if request.content_type.startswith(_WRAPPED):
        raise unsupported_content(
            "Content-Type", "the content itself (curl --data-binary)", request.content_type
        )
    async with aclosing(in_parts(request, request.content.readany)) as parts:
        async for part in parts:
            yield part


async def in_parts(
    request: web.Request, read: Callable[[], Awaitable[bytes]]
) -> AsyncGenerator[bytes]:
    """What `read` gives until it gives nothing, in parts of `PART_BYTES`; see `raw_parts`."""
    waiting = bytearray()
    ended = False
    while not ended:
        async with in_time(request):
            while len(waiting) < PART_BYTES and not ended:
                data = await read()
                waiting += data
                ended = not data
        while len(waiting) >= PART_BYTES or (ended and waiting):
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]


@asynccontextmanager
async def in_time(request: web.Request) -> AsyncGenerator[None]:
    """A block that reads of a body; raises `CallFailed` if that takes too long or can't be."""
    seconds = request.get(BODY_TIMEOUT)
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise late_body(seconds) from None
    except web.RequestPayloadError as error:
        raise broken_body() from error


async def as_messages(
    head: Message, field: str, parts: AsyncIterator[bytes]
) -> AsyncGenerator[Message]:
    """The messages of an upload: the first says what is known of it, the others have its parts in
    the field of that name."""
    yield head
    async for part in parts:
        message = type(head)()
        setattr(message, field, part)
        yield message
