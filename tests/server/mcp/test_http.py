"""Answers over HTTP that no MCP server should give: each ends soon, and says what it was."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp.web
import pytest
from aiohttp.web import Request, Response, StreamResponse

from funland_server.mcp.errors import McpServerUnavailableError
from tests.server.mcp.conftest import MakeMcp


async def large(_: Request) -> StreamResponse:
    return Response(body=b'{"x":"' + b"a" * 5_000_000 + b'"}', content_type="application/json")


async def packed(_: Request) -> StreamResponse:
    body, headers = gzip.compress(b"{}"), {"content-encoding": "gzip"}
    return Response(body=body, content_type="application/json", headers=headers)


async def elsewhere(_: Request) -> StreamResponse:
    return Response(status=307, headers={"location": "http://127.0.0.1:1/mcp"})


async def page(_: Request) -> StreamResponse:
    return Response(text="<html>", content_type="text/html")


async def endless(request: Request) -> StreamResponse:
    response = StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    try:
        while True:
            await response.write(b"data: " + b"a" * 65536)
    except ConnectionError:
        return response


Handler = Callable[[Request], Awaitable[StreamResponse]]


@pytest.fixture
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    handler: Handler = request.param
    app = aiohttp.web.Application()
    app.router.add_route("*", "/mcp", handler)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (large, "The answer has more than 4 MiB."),
        (packed, "The answer is packed"),
        (elsewhere, "not followed"),
        (page, "Unexpected content type"),
        (endless, "exceeded the 4194304 byte limit"),
    ],
    indirect=["url"],
)
async def test_an_answer_that_is_none_is_told(make_mcp: MakeMcp, url: str, why: str) -> None:
    mcp = make_mcp(one={"url": url, "timeout_seconds": 30})

    with pytest.raises(McpServerUnavailableError) as raised:
        await mcp.toolbox(["one"], [])

    assert why in raised.value.message
