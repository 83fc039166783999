"""A plugin fetches from hosts that it may connect to, through the server, and from no others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from funland_server.app import Server
from tests.server.plugins.conftest import (
    MISSING,
    Write,
    execute,
    install,
    metadata,
    reason,
    refused,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}"),
]

BODY = """
told = context.fetch(input["url"], input.get("headers"))
return {"status": told.status, "data": told.data.decode(), "to": told.headers.get("location")}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[str]:
    """A host on loopback."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/away":
            raise web.HTTPFound("http://example.com/")
        if request.path == "/long":
            return web.Response(body=bytes(17 * 1024**2))
        if request.path == "/odd":
            assert request.transport is not None
            request.transport.write(
                b"HTTP/1.0 200 OK\r\nX-Odd: caf\xe9\r\nLocation: \xff\r\n\r\nodd"
            )
            request.transport.close()
        return web.Response(status=404, text=request.headers.get("x-key", ""))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield "{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


async def asked(server: Server, url: str, **headers: str) -> dict[str, object]:
    given = json.dumps({"url": url, "headers": headers})
    return json.loads((await execute(server, "fetches", given)).output)


async def test_a_host_that_is_granted_answers(plugins: Server, write: Write, host: str) -> None:
    told = await install(plugins, write("fetches", BODY, permissions=f"hosts = ['{host}']"))

    assert list(told.permissions.hosts) == [host]
    answered = await asked(plugins, f"http://{host}/a", **{"X-Key": "k"})
    assert answered == {"status": 404, "data": "k", "to": None}
    redirected = await asked(plugins, f"http://{host}/away")
    assert (redirected["status"], redirected["to"]) == (302, "http://example.com/")


async def test_headers_that_are_no_text_are_told_as_far_as_they_are(
    plugins: Server, write: Write, host: str
) -> None:
    await install(plugins, write("fetches", BODY, permissions=f"hosts = ['{host}']"))

    assert await asked(plugins, f"http://{host}/odd") == {"status": 200, "data": "odd", "to": "?"}


@pytest.mark.parametrize(
    ("url", "headers", "said"),
    [
        ("http://127.0.0.1:1/a", {}, "PLUGIN_DENIED"),
        ("http://example.com/", {}, "PLUGIN_DENIED"),
        ("http://{host}@example.com/", {}, "ADDRESS_NOT_ALLOWED"),
        ("file:///etc/passwd", {}, "ADDRESS_NOT_ALLOWED"),
        ("http://{host}/a", {"Host": "other"}, "FIELD_INVALID"),
        ("http://{host}/a", {"X": "a\r\nY: b"}, "FIELD_INVALID"),
        ("http://{host}/long", {}, "HUB_ANSWER_INVALID"),
        ("http://10.0.0.1/a", {}, "ADDRESS_NOT_ALLOWED"),
    ],
)
async def test_what_is_not_granted_is_not_fetched(
    plugins: Server, write: Write, host: str, url: str, *, headers: dict[str, str], said: str
) -> None:
    hosts = f"hosts = ['{host}', '10.0.0.1:80']"
    await install(plugins, write("fetches", BODY, permissions=hosts))
    given = json.dumps({"url": url.replace("{host}", host), "headers": headers})

    error = await refused(plugins, "fetches", given)

    assert reason(error) == said
    if said == "PLUGIN_DENIED":
        assert metadata(error)["permission"] == "network"
