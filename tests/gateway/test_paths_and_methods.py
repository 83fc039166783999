"""HEAD, OPTIONS and other methods, and paths that are nearly right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from funland.v1.inference_pb2 import ApplyTemplateResponse
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland.v1.responses_pb2 import Response
from funland.v1.system_pb2 import Health
from funland_gateway.accepting import prefers
from funland_gateway.app import Gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

GETS = [
    "/docs", "/openapi.json", "/funland/v1/health", "/funland/v1/models",
    "/funland/v1/models/tiny", "/v1/models", "/v1/models/tiny", "/health", "/api/v1/health",
    "/api/v1/models", "/v1/responses/resp_1",
]  # fmt: skip
STREAMS = [
    "/funland/v1/models:watch",
    "/funland/v1/responses/resp_1:watch",
    "/v1/responses/resp_1?stream=true",
]


@pytest.fixture(autouse=True)
def server_with_one_model(answers: Answers) -> None:
    model = Model(model_id="tiny")

    def answering(message: Any) -> Any:
        async def answer(_: Any, __: Any) -> Any:
            return message

        return answer

    answers["GetHealth"] = answering(Health(state=Health.SERVING))
    answers["ListModels"] = answering(ListModelsResponse(models=[model]))
    answers["GetModel"] = answering(model)
    answers["GetResponse"] = answering(Response(response_id="resp_1", state=Response.COMPLETED))
    answers["ApplyTemplate"] = answering(ApplyTemplateResponse())


@pytest.mark.parametrize("path", GETS)
async def test_head_is_get_without_the_body(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as got:
        body = await got.read()
    async with http.head(path) as head:
        rest = await head.read()

    assert (head.status, rest) == (got.status, b"")
    assert lasting(head) == lasting(got)
    assert body


def lasting(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers that are the same each time."""
    lower = {name.lower(): value for name, value in response.headers.items()}
    return {name: lower[name] for name in lower.keys() - {"date", "x-request-id"}}


@pytest.mark.parametrize("path", ["/nothing", "/v1/models/", "/v1/nothing"])
async def test_head_of_what_is_not_there_is_404(http: aiohttp.ClientSession, path: str) -> None:
    async with http.head(path) as head:
        assert (head.status, await head.read()) == (404, b"")


@pytest.mark.parametrize("path", STREAMS)
async def test_head_of_a_stream_does_not_begin_it(
    http: aiohttp.ClientSession, answers: Answers, path: str
) -> None:
    begun: list[str] = []

    async def watch(_: Any, __: Any) -> AsyncIterator[Any]:
        begun.append(path)
        await asyncio.Event().wait()
        yield

    answers["WatchModels"] = answers["WatchResponse"] = watch

    async with asyncio.timeout(120), http.head(path) as head:
        assert (head.status, await head.read()) == (200, b"")
        assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
    async with http.get("/funland/v1/health"):  # the same connection goes on
        pass

    assert begun == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/funland/v1/models", "GET, HEAD, OPTIONS"),
        ("/funland/v1/models/tiny", "DELETE, GET, HEAD, OPTIONS"),
        ("/funland/v1/chat", "OPTIONS, POST"),
        ("/v1/models/tiny", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/models/maker/tiny", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/chat/completions", "GET, HEAD, OPTIONS, POST"),
        ("/v1/chat/completions/a/messages", "GET, HEAD, OPTIONS"),
        ("/v1/responses/a/cancel", "OPTIONS, POST"),
        ("/v1/responses/a/input_items", "GET, HEAD, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
    ],
)
async def test_what_a_path_takes_is_told_truly(
    http: aiohttp.ClientSession, path: str, allowed: str
) -> None:
    async with http.options(path) as asked:
        pass
    async with http.request("TRACE", path) as refused:
        body = await refused.json()

    assert (asked.status, asked.headers["Allow"]) == (204, allowed)
    assert (refused.status, refused.headers["Allow"]) == (405, allowed)
    assert allowed in body["error"]["message"]
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - set(allowed.split(", ")):
        async with http.request(method, path) as refused:
            assert refused.status == 405


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("GET", "/v1/models/", "/v1/models"),
        ("GET", "/v1/models/tiny/", "/v1/models/tiny"),
        ("GET", "//v1/models", "/v1/models"),
        ("GET", "/v1//models//tiny", "/v1/models/tiny"),
        ("POST", "/v1/chat/completions/", "/v1/chat/completions"),
        ("POST", "/v1//chat/completions", "/v1/chat/completions"),
        ("POST", "/v1/v1/chat/completions", "/v1/chat/completions"),
        ("POST", "/chat/completions", "/v1/chat/completions"),
        ("POST", "/chat/completions/", "/v1/chat/completions"),
        ("GET", "/models/tiny", "/v1/models/tiny"),
        ("POST", "/openai/v1/chat/completions", "/v1/chat/completions"),
        ("POST", "/chat", "/funland/v1/chat"),
        ("POST", "/funland/v1/chat/", "/funland/v1/chat"),
        ("POST", "/v1/funland/v1/chat", "/funland/v1/chat"),
        ("GET", "/funland/v1/models/tiny/", "/funland/v1/models/tiny"),
        ("GET", "/v1/openapi.json", "/openapi.json"),
        ("POST", "/v1/tokenize", "/tokenize"),
    ],
)
async def test_a_path_that_is_nearly_right_is_404_and_told(
    start_gateway: StartGateway, method: str, path: str, hint: str
) -> None:
    url = URL((await start_gateway()).url + path, encoded=True)  # as it is, slashes and all

    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, json={}, allow_redirects=False) as response,
    ):
        error = (await response.json())["error"]

    assert response.status == 404
    assert f"There is nothing at {path}, but at {hint}." in error["message"]
    assert ("param" in error) == (hint.startswith("/v1/") or hint == "/tokenize")  # OpenAI's shape


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing", "/v1/chat/complete", "/a/b/c/d"])
async def test_a_path_that_is_like_none_gets_no_hint(
    http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(path) as response:
        error = (await response.json())["error"]

    assert response.status == 404
    assert error["message"].startswith(f"There is nothing at {path}. ")


async def test_options_of_the_whole_server_are_answered(
    start_gateway: StartGateway, raw: Callable[[Gateway, bytes], Awaitable[bytes]]
) -> None:
    gateway = await start_gateway()
    rest = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    assert (await raw(gateway, b"OPTIONS *" + rest)).startswith(b"HTTP/1.1 204")
    assert (await raw(gateway, b"OPTIONS /nothing" + rest)).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        ((), False),
        (("*/*",), False),
        (("application/x-ndjson",), True),
        (("Application/X-NDJSON",), True),
        (("application/x-ndjson; charset=utf-8",), True),
        (("text/event-stream", "application/x-ndjson"), True),
        (("text/event-stream, application/x-ndjson;q=0.5",), False),
        (("text/event-stream;q=0.5, application/x-ndjson;q=0.5",), True),
        (("application/x-ndjson;q=0",), False),
        (("application/x-ndjson-not",), False),
        (("text/html;x=application/x-ndjson",), False),
        (("application/json, application/x-ndjson;q=high",), True),
    ],
)
def test_lines_are_for_who_asks_for_them(accept: tuple[str, ...], lines: bool) -> None:
    assert prefers(accept, "application/x-ndjson", to="text/event-stream") == lines
