"""What is no request gets an answer that can be read: an id, the shape of its API, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import structlog
from aiohttp.http_exceptions import BadStatusLine, InvalidURLError, LineTooLong

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.system_pb2 import Health
from funland_gateway.app import Gateway
from funland_gateway.malformed import LONGEST_LINE, MOST_HEADERS, malformed, target

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

Raw = Callable[[Gateway, bytes], Awaitable[bytes]]

HOST = b"Host: localhost\r\n"
LONG = b"x" * LONGEST_LINE
MANY = b"".join(b"X-%d: 1\r\n" % number for number in range(MOST_HEADERS))
CHUNKED = HOST + b"Transfer-Encoding: chunked\r\n\r\n"

NATIVE, OPENAI, INFERENCE = b"/funland/v1/chat", b"/v1/chat/completions", b"/api/v1/generate"


def read(answer: bytes) -> tuple[int, dict[str, str], Any]:
    """The status, headers and JSON of an answer, the last of its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, orjson.loads(body)


def reason(path: bytes, body: Any) -> str:
    """The reason in an error of the API at a path; a body of another shape has none."""
    error = body["error"]
    shapes = {
        NATIVE: {"code", "reason", "message", "metadata", "field_violations", "request_id"},
        OPENAI: {"message", "type", "param", "code"},
        INFERENCE: {"code", "message", "details"},
    }
    assert set(error) == shapes[path]
    return str(error["reason"] if path == NATIVE else error["code"]).upper()


@pytest.mark.parametrize(
    ("rest", "status", "expected"),
    [
        (b"?" + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "URL_TOO_LONG"),
        (b" HTTP/1.1\r\nX-Long: " + LONG + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b" HTTP/1.1\r\n" + LONG + b"x: long\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b" HTTP/1.1\r\n" + HOST + MANY + b"\r\n", 431, "HEADERS_TOO_LARGE"),
        (b" HTTP/1.1\r\n\r\n", 400, "REQUEST_MALFORMED"),
        (b" HTTP/1.1\r\nX Y: 1\r\n\r\n", 400, "REQUEST_MALFORMED"),
        (b" HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "REQUEST_MALFORMED"),
        (b" HTTP/3.1\r\n" + HOST + b"\r\n", 400, "REQUEST_MALFORMED"),
        (b" HTTP/1.1\r\n" + CHUNKED + b"zz\r\n", 400, "REQUEST_MALFORMED"),
        (b" HTTP/1.1\r\n" + CHUNKED + b"2\r\n{}x\r\n", 400, "REQUEST_MALFORMED"),
        (b"/%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400, "REQUEST_MALFORMED"),
        (b"?a=%ff HTTP/1.1\r\n" + HOST + b"\r\n", 400, "REQUEST_MALFORMED"),
        (b"/\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400, "REQUEST_MALFORMED"),
        (b" HTTP/1.1\r\n" + HOST + b"Expect: cake\r\n\r\n", 417, "EXPECTATION_UNSUPPORTED"),
    ],
)
async def test_an_error_below_the_gateway_has_the_shape_of_the_paths_api(
    start_gateway: StartGateway, raw: Raw, rest: bytes, status: int, expected: str
) -> None:
    gateway = await start_gateway(idle_timeout_seconds=0.2)

    for path in (NATIVE, OPENAI, INFERENCE):
        with structlog.testing.capture_logs() as logs:
            answer = await raw(gateway, b"POST " + path + rest)

        told, headers, body = read(answer)
        assert (told, reason(path, body)) == (status, expected)
        assert headers["content-type"] == "application/json"
        (line,) = [line for line in logs if line["event"] == "request"]
        assert (line["status"], line["request_id"]) == (status, headers["x-request-id"])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", "http, not https"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "gRPC has a port of its own"),
        (b"hello\r\n\r\n", "no request"),
        (b"\x00\x01\x02\r\n\r\n", "no request"),
        (b"GET http://[::1/v1/models HTTP/1.1\r\n\r\n", "its URL is none"),
        (b"GET /v1/models HTTP/1.1\nHost: localhost\n\n", "Expected CRLF"),
    ],
)
async def test_what_is_not_even_http_is_told_what_the_gateway_speaks(
    start_gateway: StartGateway, raw: Raw, sent: bytes, words: str
) -> None:
    gateway = await start_gateway()

    status, headers, body = read(await raw(gateway, sent))

    assert status == 400
    assert words in body["error"]["message"]
    assert headers["x-request-id"]


async def test_a_long_url_that_comes_in_pieces_is_one(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    host, port = gateway.url.removeprefix("http://").split(":")

    async with asyncio.timeout(120):
        reader, writer = await asyncio.open_connection(host, int(port))
        for piece in (b"\r\nGET /v1/models?", *[b"x" * 1000] * 9):
            writer.write(piece)
            await writer.drain()
        status, _, body = read(await reader.read())
        writer.close()

    assert (status, reason(OPENAI, body)) == (414, "URL_TOO_LONG")


async def test_chunks_that_break_while_the_body_is_read_end_the_request_at_once(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(body_timeout_seconds=100)
    host, port = gateway.url.removeprefix("http://").split(":")

    async with asyncio.timeout(120):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST " + OPENAI + b" HTTP/1.1\r\nExpect: 100-continue\r\n" + CHUNKED)
        await reader.readuntil(b"\r\n\r\n")  # it reads the body now
        writer.write(b"2\r\n{}\r\nzz\r\n")
        status, headers, body = read(await reader.read())
        writer.close()

    assert status == 400
    assert headers["connection"] == "close"
    assert "chunks are broken" in body["error"]["message"]


async def test_after_an_answer_a_broken_request_is_not_taken_for_one_of_the_same_path(
    start_gateway: StartGateway, answers: Answers
) -> None:
    async def health(_: Any, __: Any) -> Health:
        return Health(state=Health.SERVING)

    answers["GetHealth"] = health
    gateway = await start_gateway()
    host, port = gateway.url.removeprefix("http://").split(":")

    async with asyncio.timeout(120):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/nothing HTTP/1.1\r\n" + HOST + b"\r\n")
        await reader.readuntil(b"}}")
        writer.write(b"no http\r\n\r\n")
        status, _, body = read(await reader.read())
        writer.close()

    assert (status, reason(NATIVE, body)) == (400, "REQUEST_MALFORMED")


async def test_the_request_after_an_error_of_the_same_connection_is_answered(
    start_gateway: StartGateway, raw: Raw, answers: Answers
) -> None:
    async def health(_: Any, __: Any) -> Health:
        return Health(state=Health.SERVING)

    answers["GetHealth"] = health
    gateway = await start_gateway()

    answer = await raw(
        gateway,
        b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n"
        b"GET /funland/v1/health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    )

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"404", b"200"]


@pytest.mark.parametrize(
    ("problem", "line", "expected"),
    [
        (LineTooLong(b"x", 8190), b"GET /" + LONG, ErrorReason.URL_TOO_LONG),
        (LineTooLong(b"x", 8190), b"GET / HTTP/1.1\r\n" + LONG, ErrorReason.HEADERS_TOO_LARGE),
        (InvalidURLError("secret"), b"GET http:// HTTP/1.1", ErrorReason.REQUEST_MALFORMED),
        (BadStatusLine("x", "why:\n\n  b'secret'\n"), b"GET", ErrorReason.REQUEST_MALFORMED),
        (RuntimeError("why"), b"", ErrorReason.REQUEST_MALFORMED),
    ],
)
def test_what_is_wrong_is_told_without_what_was_sent(
    problem: Exception, line: bytes, expected: ErrorReason.ValueType
) -> None:
    error = malformed(problem, line).error

    assert error.reason == expected
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"GET /v1/models HTTP/1.1\r\nHost: x\r\n", "/v1/models"),
        (b"POST /v1/models?a=/funland HTTP/1.1", "/v1/models"),
        (b"GET http://localhost:8000/v1/models HTTP/1.1", "/v1/models"),
        (b"GET /v1/mo", "/v1/mo"),
        (b"GET /v1/\xff HTTP/1.1", "/v1/\ufffd"),
        (b"get /v1/models", ""),
        (b"GET * HTTP/1.1", ""),
        (b"hello /v1/models", ""),
        (b"", ""),
    ],
)
def test_the_path_of_a_broken_request_is_found_if_it_can_be(line: bytes, path: str) -> None:
    assert target(line) == path


@pytest.mark.parametrize("expected", [b"", b"100-continue", b"100-Continue"])
async def test_what_can_be_met_is_no_error_and_nothing_expected_is_neither(
    start_gateway: StartGateway, raw: Raw, expected: bytes
) -> None:
    head = b"GET /openapi.json HTTP/1.1\r\nConnection: close\r\nExpect: " + expected + b"\r\n"

    answer = await raw(await start_gateway(), head + HOST + b"\r\n")

    assert b"HTTP/1.1 200 OK" in answer
