"""The answer to a request for a foreign URL."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from funland_server.web.errors import AnswerInvalidError, Trouble, UnreachableError
from funland_server.web.urls import host_of

Headers = CIMultiDictProxy[str]


class Answer:
    """A status, headers, and a body that has not been read."""

    def __init__(
        self, response: aiohttp.ClientResponse, url: URL, passed: tuple[Headers, ...], stall: float
    ) -> None:
        self.status = response.status
        self.headers: Headers = response.headers
        self.url = url
        """Where the answer came from, after all redirects. It may be signed: never log it."""
        self.passed = passed
        """The headers of the redirects on the way."""
        self._response = response
        self._stall = stall

    @property
    def host(self) -> str:
        """Who answered."""
        return host_of(self.url)

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed, though that was not asked for."""
        return self.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it comes, in pieces of at most some hundred KiB.

        Raises:
            UnreachableError: It stalls, or ends before it should.
        """
        content = self._response.content
        while True:
            try:
                async with asyncio.timeout(self._stall):
                    chunk = await content.readany()
            except TimeoutError:
                raise UnreachableError(self.host, Trouble.STALLED) from None
            except (aiohttp.ClientError, OSError):
                raise UnreachableError(self.host, Trouble.CUT) from None
            if not chunk:
                return
            yield chunk

    async def read(self, limit: int) -> bytes:
        """The whole body, decompressed where it must be: at most `limit` bytes.

        Raises:
            UnreachableError: It stalls, or ends before it should.
            AnswerInvalidError: It is longer, or compressed in another way than gzip.
        """
        unzip = zlib.decompressobj(wbits=31) if self.encoded else None
        if unzip is not None and self.headers["Content-Encoding"].lower() != "gzip":
            raise AnswerInvalidError(self.host, "it is compressed, which was not asked for")
        body = bytearray()
        async for chunk in self.chunks():
            try:
                body += unzip.decompress(chunk, limit + 1 - len(body)) if unzip else chunk
            except zlib.error:
                raise AnswerInvalidError(self.host, "it is not compressed as it says") from None
            if len(body) > limit:
                raise AnswerInvalidError(self.host, f"it is longer than {limit} bytes")
        if unzip is not None and not unzip.eof:
            raise AnswerInvalidError(self.host, "it is not compressed as it says")
        return bytes(body)
