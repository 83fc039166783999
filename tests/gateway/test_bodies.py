"""A body is read within its limits, or refused by name."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from funland.v1.inference_pb2 import ChatRequest, ChatResponse
from funland_gateway.app import Gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

CHAT = "/funland/v1/chat"


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1000):
        yield b" " * 1000


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"model=tiny", "not JSON"),
        (b'{"model": NaN}', "not JSON"),
        (b'{"model": "\xff"}', "not JSON"),
        (b'{"model": "\\ud800"}', "not JSON"),
        (b"[]", "must be an object, not a list"),
        (b'"text"', "must be an object, not a string"),
        (nested(65), "deeper than 64 levels"),
        (b'{"model":' + nested(65) + b"}", "deeper than 64 levels"),
        (nested(100_000), "not JSON"),
    ],
)
async def test_a_body_that_is_no_request_is_malformed(
    http: aiohttp.ClientSession, body: bytes, words: str
) -> None:
    async with http.post(CHAT, data=body) as response:
        error = (await response.json())["error"]

    assert (response.status, error["reason"]) == (400, "BODY_MALFORMED")
    assert words in error["message"]


async def test_64_levels_are_not_too_many(http: aiohttp.ClientSession) -> None:
    async with http.post(CHAT, data=b'{"model":' + nested(63) + b"}") as response:
        error = (await response.json())["error"]

    assert error["field_violations"][0]["field"] == "model"


async def test_a_form_with_files_is_refused(http: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({"model": "tiny"}, default_to_multipart=True)

    async with http.post(CHAT, data=form) as response:
        assert (await response.json())["error"]["reason"] == "BODY_MALFORMED"


async def test_no_body_is_an_empty_object(http: aiohttp.ClientSession, answers: Answers) -> None:
    async def chat(request: ChatRequest, _: Any) -> ChatResponse:
        return ChatResponse(model=str(request.ByteSize()))

    answers["Chat"] = chat

    async with http.post(CHAT) as response:
        assert (await response.json())["model"] == "0"


@pytest.mark.parametrize("how", ["at once", "in pieces", "compressed"])
async def test_a_body_over_the_limit_is_refused(start_gateway: StartGateway, how: str) -> None:
    gateway = await start_gateway(max_body_bytes=10_000)
    data = {
        "at once": b" " * 10_001,
        "in pieces": pieces(11_000),
        "compressed": gzip.compress(b" " * 10_001),
    }[how]
    headers = {"content-encoding": "gzip"} if how == "compressed" else {}

    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.post(CHAT, data=data, headers=headers) as response,
    ):
        error = (await response.json())["error"]

    assert (response.status, error["reason"]) == (413, "BODY_TOO_LARGE")
    assert error["metadata"] == {"limit_bytes": "10000"}


async def test_a_body_at_the_limit_is_read(start_gateway: StartGateway, answers: Answers) -> None:
    async def chat(_: ChatRequest, __: Any) -> ChatResponse:
        return ChatResponse()

    answers["Chat"] = chat
    gateway = await start_gateway(max_body_bytes=10_000)

    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.post(CHAT, data=b"{}" + b" " * 9_998) as response,
    ):
        assert response.status == 200


async def test_a_body_that_is_no_gzip_is_malformed(http: aiohttp.ClientSession) -> None:
    headers = {"content-encoding": "gzip"}

    async with http.post(CHAT, data=b"not gzip at all", headers=headers) as response:
        assert response.status == 400


async def test_a_body_that_does_not_come_is_given_up(
    start_gateway: StartGateway, raw: Callable[[Gateway, bytes], Awaitable[bytes]]
) -> None:
    gateway = await start_gateway(body_timeout_seconds=0.1)

    answer = await raw(
        gateway, b"POST /funland/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
    )

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert orjson.loads(body)["error"]["message"] == "The body did not arrive within 0.1 seconds."
