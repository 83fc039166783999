"""Bodies that the server streams: their heads, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from structlog.testing import capture_logs

from funland.v1.files_pb2 import File
from funland_gateway.downloading import disposition
from tests.gateway.conftest import StartGateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers

URL = "/funland/v1/files/f/content"


def part(data: bytes, size: int | None = None) -> HttpBody:
    made = HttpBody(content_type="text/plain", data=data)
    if size is not None:
        made.extensions.add().Pack(File(name="a.txt", size_bytes=size))
    return made


async def test_a_body_without_a_file_has_no_name_and_no_length(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def parts(_: Any, __: Any) -> AsyncIterator[HttpBody]:
        yield part(b"one ")
        yield part(b"two")

    answers["DownloadFile"] = parts

    async with http.get(URL) as answer:
        assert await answer.text() == "one two"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-disposition" not in answer.headers
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_a_body_that_fails_amid_it_is_cut_off_and_before_it_has_a_status(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def at_once(_: Any, context: Any) -> AsyncIterator[HttpBody]:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        yield part(b"")

    async def amid(_: Any, context: Any) -> AsyncIterator[HttpBody]:
        yield part(b"one", 6)
        await context.abort(grpc.StatusCode.DATA_LOSS, "no")

    async def without_length(_: Any, context: Any) -> AsyncIterator[HttpBody]:
        yield part(b"one")
        await context.abort(grpc.StatusCode.DATA_LOSS, "no")

    async def too_short(_: Any, __: Any) -> AsyncIterator[HttpBody]:
        yield part(b"one", 6)

    answers["DownloadFile"] = at_once
    async with http.get(URL) as answer:
        assert answer.status == 503
    for broken in (amid, without_length, too_short):
        answers["DownloadFile"] = broken
        with capture_logs() as logs, pytest.raises(aiohttp.ClientError):
            async with http.get(URL) as answer:
                await answer.read()
        (why,) = [log["why"] for log in logs if log["event"] == "body_cut_off"]
        assert why == ("the content has 3 bytes, not 6" if broken is too_short else "no")


async def test_who_asks_for_the_head_ends_the_call(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    ended = asyncio.Event()

    async def endless(_: Any, __: Any) -> AsyncIterator[HttpBody]:
        try:
            yield part(b"one", 10**12)
            await asyncio.Event().wait()
        finally:
            ended.set()

    answers["DownloadFile"] = endless

    async with http.head(URL) as answer:
        assert answer.headers["content-length"] == str(10**12)
    async with asyncio.timeout(120):
        await ended.wait()


async def test_a_reader_that_reads_nothing_is_cut_off(
    answers: Answers, start_gateway: StartGateway
) -> None:
    ended = asyncio.Event()

    async def endless(_: Any, __: Any) -> AsyncIterator[HttpBody]:
        try:
            while True:
                yield part(bytes(1 << 20))
        finally:
            ended.set()

    answers["DownloadFile"] = endless
    gateway = await start_gateway(send_timeout_seconds=0.2)
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(f"GET {URL} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    async with asyncio.timeout(120):
        await ended.wait()

    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ('a"\\.txt', "attachment; filename=\"a__.txt\"; filename*=UTF-8''a%22%5C.txt"),
        ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ],
)
def test_a_name_in_a_header(name: str, header: str) -> None:
    assert disposition(name) == header
