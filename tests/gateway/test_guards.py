"""Requests that did not mean this gateway, or that can be read in two ways, end here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from funland.v1.system_pb2 import Health, SystemStatus
from funland_gateway.app import Gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

Raw = Callable[[Gateway, bytes], Awaitable[bytes]]

HEALTH = "/funland/v1/health"


@pytest.fixture(autouse=True)
def healthy(answers: Answers) -> None:
    async def health(_: Any, __: Any) -> Health:
        return Health(state=Health.SERVING)

    answers["GetHealth"] = health


async def status(gateway: Gateway, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.get(HEALTH, headers=named) as response,
    ):
        return response.status


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("ai.example", 200),
        ("AI.example:443", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("ai.example.evil", 403),
        ("127.0.0.1.nip.io", 403),
        ("127.0.0.2", 403),
        ("0.0.0.0", 403),  # noqa: S104 - as a name that a page could use, not to listen on
        ("localhost@evil.example", 403),
        ("localhost:", 403),
        ("", 403),
    ],
)
async def test_only_its_own_hosts_are_answered(
    start_gateway: StartGateway, host: str, expected: int
) -> None:
    gateway = await start_gateway(allowed_hosts=("ai.example",))

    assert await status(gateway, Host=host) == expected


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:8000", 200),
        ("https://app.example", 200),
        ("http://app.example", 403),
        ("https://app.example.evil", 403),
        ("https://app.example:444", 403),
        ("http://localhost:3000", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("*", 403),
        ("", 403),
    ],
)
async def test_only_pages_of_its_own_or_an_allowed_origin_may_call(
    start_gateway: StartGateway, origin: str, expected: int
) -> None:
    gateway = await start_gateway(allowed_origins=("https://app.example",))

    assert await status(gateway, Host="localhost:8000", Origin=origin) == expected


async def test_an_allowed_page_may_read_the_answer_and_no_other(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(allowed_origins=("https://app.example",))

    async with aiohttp.ClientSession(gateway.url) as http:
        async with http.get(HEALTH, headers={"Origin": "https://app.example"}) as allowed:
            pass
        async with http.get(HEALTH, headers={"Origin": "https://evil.example"}) as refused:
            pass

        async with http.get(HEALTH) as no_page:
            pass

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "x-ratelimit-remaining" in allowed.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    for other in (refused, no_page):
        assert "Access-Control-Allow-Origin" not in other.headers
    assert [each.headers["Vary"] for each in (allowed, refused, no_page)] == ["Origin"] * 3


@pytest.mark.parametrize(
    ("path", "host", "expected"),
    [
        (HEALTH, "localhost", 200),
        ("/health", "localhost", 200),
        ("/docs", "localhost", 200),
        ("/openapi.json", "localhost", 200),
        ("/v1/nothing", "localhost", 404),
        ("/nothing", "localhost", 404),
        (HEALTH, "evil.example", 403),
    ],
)
async def test_every_answer_tells_browsers_to_make_nothing_more_of_it(
    start_gateway: StartGateway, answers: Answers, path: str, host: str, expected: int
) -> None:
    async def status_of(_: Any, __: Any) -> SystemStatus:
        return SystemStatus(state=Health.SERVING)

    answers["GetStatus"] = status_of
    gateway = await start_gateway()

    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.get(path, headers={"Host": host}) as answer,
    ):
        assert answer.status == expected
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_browser_that_asks_first_gets_its_answer(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(allowed_origins=("https://app.example",))
    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    async with aiohttp.ClientSession(gateway.url) as http:
        async with http.options(
            "/funland/v1/chat", headers={"Origin": "https://app.example", **asking}
        ) as allowed:
            pass
        async with http.options(
            "/funland/v1/chat", headers={"Origin": "https://evil.example", **asking}
        ) as refused:
            pass

    assert (allowed.status, refused.status) == (204, 403)
    assert allowed.headers["Access-Control-Allow-Methods"] == "POST"
    assert allowed.headers["Access-Control-Allow-Headers"] == "content-type"
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Host: localhost\r\nHost: localhost\r\n",
        b"Host: localhost\r\nHost: evil.example\r\n",
        b"Host: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
        b"Host: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
        b"Host: localhost\r\nContent-Length: 2, 2\r\n",
        b"Host: localhost\r\nContent-Length: +2\r\n",
        b"Host: localhost\r\nContent-Length: -2\r\n",
        b"Host: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Host: localhost\r\nTransfer-Encoding: xchunked\r\n",
        b"Host: localhost\r\nContent-Length : 2\r\n",
        b"Host: localhost\r\n folded: yes\r\n",
        b"Host: localhost\r\nX-Bad: a\x00b\r\n",
    ],
)
async def test_headers_that_smuggle_are_400_and_the_end(
    start_gateway: StartGateway, raw: Raw, headers: bytes
) -> None:
    gateway = await start_gateway()

    answer = await raw(gateway, b"POST /funland/v1/chat HTTP/1.1\r\n" + headers + b"\r\n{}")

    assert answer.split(b" ")[1] == b"400"
    assert answer.count(b"HTTP/1.") == 1


async def test_an_origin_does_not_hide_behind_another(
    start_gateway: StartGateway, raw: Raw
) -> None:
    gateway = await start_gateway()

    answer = await raw(
        gateway,
        b"GET /funland/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Origin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n",
    )

    # aiohttp's parser in C refuses it by itself, the one in Python does not.
    assert answer.split(b" ")[1] in (b"400", b"403")
