"""Requests for foreign URLs go where they may, with what they may, and end in time."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from funland_server.live import Live
from funland_server.web.errors import (
    AddressNotAllowedError,
    AnswerInvalidError,
    OfflineError,
    Trouble,
    UnreachableError,
)
from funland_server.web.fetching import Credential, Deadlines, Web
from funland_server.web.policy import WebPolicy
from funland_server.web.urls import origin_of, parse

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Host:
    """A server that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answer: Handler = self._fine
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    @property
    def port(self) -> int:
        port = self.server.port  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - aiohttp does not say
        return cast("int", port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)

    async def _fine(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"fine", headers={"Set-Cookie": "a=b"})


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host()
    await host.server.start_server()
    yield host
    await host.server.close()


@pytest.fixture
async def other() -> AsyncIterator[Host]:
    host = Host()
    await host.server.start_server()
    yield host
    await host.server.close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Web]:
    fetcher = Web(
        Live(WebPolicy.of(private_hosts=["127.0.0.1", "hub.example"])),
        Live(Deadlines(connect=5, first_byte=0.2, stall=0.2)),
    )
    yield fetcher
    await fetcher.close()


async def read(fetcher: Web, url: str, limit: int = 1000, **how: object) -> bytes:
    async with fetcher.open(url, **how) as answer:  # pyright: ignore[reportArgumentType] - a test names what it means
        return await answer.read(limit)


async def test_a_body_comes_as_it_is(host: Host, fetcher: Web) -> None:
    assert await read(fetcher, host.url + "/x?y=%2F") == b"fine"

    (asked,) = host.asked
    assert asked.raw_path == "/x?y=%2F"
    assert asked.headers["Accept-Encoding"] == "identity"


async def test_cookies_are_not_kept(host: Host, fetcher: Web) -> None:
    for _ in range(2):
        await read(fetcher, host.url)

    assert all("Cookie" not in asked.headers for asked in host.asked)


async def test_offline_nothing_is_sent(host: Host) -> None:
    fetcher = Web(Live(WebPolicy.of(offline=True, private_hosts=["127.0.0.1"])))

    with pytest.raises(OfflineError):
        await read(fetcher, host.url)

    assert host.asked == []
    await fetcher.close()


async def test_a_private_address_is_not_called(host: Host) -> None:
    fetcher = Web(Live(WebPolicy()))

    with pytest.raises(AddressNotAllowedError):
        await read(fetcher, host.url)

    assert host.asked == []
    await fetcher.close()


async def test_a_name_that_leads_to_a_private_address_is_not_called(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(monkeypatch, "rebinding.example")
    fetcher = Web(Live(WebPolicy()))

    with pytest.raises(AddressNotAllowedError):
        await read(fetcher, f"http://rebinding.example:{host.port}/")

    assert host.asked == []
    await fetcher.close()


async def test_a_name_that_leads_elsewhere_a_second_time_is_checked_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the address that is connected to is the one that was checked."""
    found = lead(monkeypatch, "hub.example")
    fetcher = Web(Live(WebPolicy.of(private_hosts=["hub.example"])))

    assert await read(fetcher, f"http://hub.example:{host.port}/") == b"fine"

    assert found == ["hub.example"]  # looked up once: what was checked is what was called
    await fetcher.close()


async def test_a_redirect_is_followed_without_the_credential_of_another_origin(
    host: Host, other: Host, fetcher: Web
) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        where = "/there" if request.path == "/" else other.url + "/x?sig=1"
        return web.Response(status=307, headers={"Location": where})

    host.answer = moved
    secret = {"Authorization": "Bearer secret", "Cookie": "session=secret"}
    credential = Credential(origin_of(parse(host.url)), secret)

    assert await read(fetcher, host.url + "/", credential=credential) == b"fine"

    assert [asked.headers.get("Authorization") for asked in host.asked] == ["Bearer secret"] * 2
    assert [asked.path for asked in host.asked] == ["/", "/there"]
    (elsewhere,) = other.asked
    assert "secret" not in str(elsewhere.headers)
    assert "secret" not in repr(credential)


async def test_a_redirect_to_a_private_address_is_not_followed(host: Host, other: Host) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": other.url + "/?secret"})

    host.answer = moved
    fetcher = Web(Live(WebPolicy.of(endpoints=[host.url])))

    with pytest.raises(AddressNotAllowedError) as raised:
        await read(fetcher, host.url)

    assert other.asked == []
    assert "secret" not in str(raised.value)
    await fetcher.close()


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://a@b.example/", "/again"])
async def test_a_redirect_that_leads_nowhere_ends(host: Host, fetcher: Web, location: str) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    host.answer = moved

    with pytest.raises(AddressNotAllowedError):
        await read(fetcher, host.url)

    assert len(host.asked) < 12


async def test_a_body_that_is_longer_than_wanted_is_not_read(host: Host, fetcher: Web) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"secret" * 1000)

    host.answer = endless

    with pytest.raises(AnswerInvalidError, match="longer") as raised:
        await read(fetcher, host.url, limit=100_000)

    assert "secret" not in str(raised.value)


async def test_a_compressed_body_is_read_within_the_same_limit(host: Host, fetcher: Web) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(b"x" * 50_000)
        return web.Response(body=body, headers={"Content-Encoding": request.path[1:]})

    host.answer = packed

    assert await read(fetcher, host.url + "/gzip", limit=50_000) == b"x" * 50_000
    with pytest.raises(AnswerInvalidError, match="longer"):
        await read(fetcher, host.url + "/gzip", limit=49_999)
    with pytest.raises(AnswerInvalidError, match="compressed"):
        await read(fetcher, host.url + "/br")


async def test_deadlines_for_the_first_byte_and_for_stalls(host: Host, fetcher: Web) -> None:
    forever = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if request.path == "/stalls":
            await response.prepare(request)
            await response.write(b"x")
        await forever.wait()
        return response

    host.answer = slow

    for path, trouble in (("/", Trouble.NO_FIRST_BYTE), ("/stalls", Trouble.STALLED)):
        with pytest.raises(UnreachableError) as raised:
            await read(fetcher, host.url + path)
        assert raised.value.trouble is trouble
    forever.set()


async def test_what_cannot_be_reached_says_how(
    fetcher: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError) as raised:
            await read(fetcher, f"http://127.0.0.1:{unused.getsockname()[1]}/?secret")
    assert raised.value.trouble is Trouble.NO_CONNECTION
    assert "secret" not in str(raised.value)

    lead(monkeypatch)
    with pytest.raises(UnreachableError) as raised:
        await read(fetcher, "http://nowhere.example/")
    assert raised.value.trouble is Trouble.UNKNOWN_HOST


async def test_a_body_that_is_cut_is_not_taken_for_whole(host: Host, fetcher: Web) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.close()
        return response

    host.answer = cut

    with pytest.raises(UnreachableError) as raised:
        await read(fetcher, host.url)
    assert raised.value.trouble is Trouble.CUT


async def test_a_proxy_is_used_for_other_hosts_alone(host: Host, other: Host) -> None:
    fetcher = Web(Live(WebPolicy.of(proxy=other.url, private_hosts=["127.0.0.1"])))

    assert await read(fetcher, "http://hub.example/x") == b"fine"
    assert await read(fetcher, host.url) == b"fine"

    assert [asked.host for asked in other.asked] == ["hub.example"]
    assert len(host.asked) == 1
    with pytest.raises(AddressNotAllowedError):
        await read(fetcher, "http://10.0.0.1/")
    await fetcher.close()


async def test_under_another_policy_nothing_of_the_one_before_is_used(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(monkeypatch, "hub.example")
    policy = Live(WebPolicy.of(private_hosts=["hub.example"]))
    fetcher = Web(policy)
    url = f"http://hub.example:{host.port}/"

    async with fetcher.open(url) as answer:  # a connection that is kept, and one that is used
        assert await read(fetcher, url) == b"fine"
        policy.put(WebPolicy())
        with pytest.raises(AddressNotAllowedError):
            await read(fetcher, url)
        assert await answer.read(1000) == b"fine"
    policy.put(WebPolicy.of(offline=True, private_hosts=["hub.example"]))
    with pytest.raises(OfflineError):
        await read(fetcher, url)

    assert len(host.asked) == 2
    policy.put(WebPolicy.of(private_hosts=["hub.example"]))
    assert await read(fetcher, url) == b"fine"
    await fetcher.close()


def lead(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    """Has names lead to this machine, and no others anywhere; tells what was looked up."""
    looked_up: list[str] = []

    async def look_up(_: object, host: str, port: int, **how: object) -> object:
        looked_up.append(host)
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
    return looked_up


async def test_what_is_posted_arrives_as_it_is(host: Host, fetcher: Web) -> None:
    got: list[bytes] = []

    async def take(request: web.Request) -> web.StreamResponse:
        got.append(await request.read())
        return web.Response(status=202, headers={"Retry-After": "7"}, body=b"secret")

    host.answer = take

    posted = await fetcher.post(host.url + "/in?a=%2F", b'{"a": 1}', {"X-Mine": "1"})

    assert got == [b'{"a": 1}']
    assert (posted.status, posted.headers["Retry-After"]) == (202, "7")
    (asked,) = host.asked
    assert (asked.method, asked.raw_path, asked.headers["X-Mine"]) == ("POST", "/in?a=%2F", "1")


async def test_a_redirect_of_what_is_posted_is_an_answer(host: Host, fetcher: Web) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/there"})

    host.answer = moved

    posted = await fetcher.post(host.url, b"x", {})

    assert (posted.status, len(host.asked)) == (307, 1)


async def test_nothing_is_posted_where_it_may_not(host: Host) -> None:
    refusing, offline = Web(Live(WebPolicy())), Web(Live(WebPolicy.of(offline=True)))

    with pytest.raises(AddressNotAllowedError):
        await refusing.post(host.url, b"x", {})
    with pytest.raises(OfflineError):
        await offline.post(host.url, b"x", {})

    assert host.asked == []
    for fetcher in (refusing, offline):
        await fetcher.close()


async def test_an_answer_without_end_to_what_is_posted_is_not_read(
    host: Host, fetcher: Web
) -> None:
    left = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            left.set()

    host.answer = endless

    posted = await fetcher.post(host.url, b"x", {})

    assert posted.status == 200
    await asyncio.wait_for(left.wait(), 120)


async def test_who_takes_what_is_posted_and_does_not_answer_is_left(host: Host) -> None:
    release = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    host.answer = silent
    fetcher = Web(Live(WebPolicy.of(private_hosts=["127.0.0.1"])), Live(Deadlines(post=0.1)))

    with pytest.raises(UnreachableError) as raised:
        await fetcher.post(host.url + "/?secret", b"secret", {})

    assert "secret" not in str(raised.value)
    release.set()
    await fetcher.close()
