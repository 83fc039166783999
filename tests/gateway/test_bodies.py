"""A body is read within its limits, or refused by name."""

from __future__ import annotations

import gzip
import zlib
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
BODY = b'{"model": "tiny"}'


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


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        "application/grpc",
        "application/grpc-web+proto",
        "application/proto",
        "application/x-protobuf",
        "application/connect+json",
        "image/png",
        "AUDIO/WAV",
    ],
)
async def test_a_body_that_is_no_json_by_its_type_is_refused(
    http: aiohttp.ClientSession, content_type: str
) -> None:
    headers = {"content-type": content_type}

    async with http.post(CHAT, data=b"{}", headers=headers) as response:
        error = (await response.json())["error"]

    assert (response.status, error["reason"]) == (415, "CONTENT_UNSUPPORTED")
    assert error["metadata"] == {"header": "Content-Type", "supported": "application/json"}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "none at all"],
)
async def test_json_is_read_under_types_that_clients_give_it_unasked(
    http: aiohttp.ClientSession, answers: Answers, content_type: str
) -> None:
    async def chat(request: ChatRequest, _: Any) -> ChatResponse:
        return ChatResponse(model=request.model)

    answers["Chat"] = chat
    headers = {"content-type": content_type}

    async with http.post(CHAT, data=b'{"model": "tiny"}', headers=headers) as response:
        assert (await response.json())["model"] == "tiny"


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


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("GZIP", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
        ("identity", BODY),
        ("", BODY),
    ],
)
async def test_a_compressed_body_is_read(
    http: aiohttp.ClientSession, answers: Answers, encoding: str, data: bytes
) -> None:
    async def chat(request: ChatRequest, _: Any) -> ChatResponse:
        return ChatResponse(model=request.model)

    answers["Chat"] = chat
    headers = {"content-encoding": encoding}

    async with http.post(CHAT, data=data, headers=headers) as response:
        assert (await response.json())["model"] == "tiny"


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("gzip", b"no such thing", "it is no gzip"),
        ("gzip", gzip.compress(BODY, mtime=0)[:-5], "ends too early"),
        ("gzip", gzip.compress(BODY, mtime=0) * 2, "more follows"),
        ("deflate", b"no such thing", "it is no deflate"),
        ("deflate", zlib.compress(BODY)[:-5], "ends too early"),
        ("deflate", zlib.compress(BODY) + b"x", "more follows"),
    ],
)
async def test_a_body_that_is_not_compressed_as_it_says_is_malformed(
    http: aiohttp.ClientSession, encoding: str, body: bytes, words: str
) -> None:
    async with http.post(CHAT, data=body, headers={"content-encoding": encoding}) as response:
        error = (await response.json())["error"]

    assert (response.status, error["reason"]) == (400, "BODY_MALFORMED")
    assert words in error["message"]


@pytest.mark.parametrize("path", [CHAT, "/v1/chat/completions", "/api/v1/generate"])
@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "x-gzip", "gzip, gzip", "gzip, br", "nonsense"]
)
async def test_a_compression_that_is_not_read_is_named_in_the_shape_of_the_api(
    http: aiohttp.ClientSession, encoding: str, path: str
) -> None:
    headers = {"content-encoding": encoding}

    async with http.post(path, data=BODY, headers=headers) as response:
        error = (await response.json())["error"]

    assert response.status == 415
    assert response.headers["Accept-Encoding"] == "gzip, deflate"
    assert response.headers["x-request-id"]
    assert encoding in error["message"]
    assert "CONTENT_UNSUPPORTED" in (error.get("reason") or error["code"]).upper()


async def test_two_headers_of_compression_are_two_compressions(
    start_gateway: StartGateway, raw: Callable[[Gateway, bytes], Awaitable[bytes]]
) -> None:
    gateway = await start_gateway()

    answer = await raw(
        gateway,
        b"POST /funland/v1/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Encoding: br\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
    )

    assert answer.startswith(b"HTTP/1.1 415")


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
