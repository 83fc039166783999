"""The `inference` document's clients work unchanged against the real service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
PROMPT = {"prompt": "Once upon", "temperature": 0, "max_tokens": 12}


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.http_url) as session:
        yield session


async def post(http: aiohttp.ClientSession, path: str, body: Any = None) -> tuple[int, Any]:
    async with http.post(path, json=body) as response:
        return response.status, await response.json()


async def get(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(path) as response:
        assert response.status == 200
        return await response.json()


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    """Reads as the document's JavaScript does: an event is `data: ` and JSON."""
    async for line in response.content:
        if line.strip():
            yield json.loads(line.decode().replace("data: ", "", 1))


@pytest.mark.parametrize("raw", [False, True])
async def test_a_prompt_has_an_answer(http: aiohttp.ClientSession, raw: bool) -> None:
    status, body = await post(http, "/api/v1/generate", {**PROMPT, "model": MODEL, "raw": raw})

    assert status == 200
    assert body["text"]
    assert body["usage"]["completion_tokens"] <= 12
    assert body["latency"] > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/generate/stream", PROMPT),
        ("/api/v1/generate/stream", {**PROMPT, "model": "default"}),
        ("/api/v1/generate", {**PROMPT, "stream": True}),
    ],
)
async def test_a_stream_says_what_the_whole_answer_says(
    http: aiohttp.ClientSession, path: str, body: dict[str, Any]
) -> None:
    _, whole = await post(http, "/api/v1/generate", PROMPT)

    async with http.post(path, json=body) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        *tokens, last = [event async for event in events(response)]

    assert [event["finished"] for event in tokens] == [False] * len(tokens)
    assert last["finished"] is True
    text = "".join(event["token"] for event in [*tokens, last])
    assert text == whole["text"]
    assert last["usage"] == whole["usage"]


async def test_the_same_request_says_the_same_in_openais_shape(
    http: aiohttp.ClientSession,
) -> None:
    _, here = await post(http, "/api/v1/generate", {**PROMPT, "raw": True})
    _, there = await post(http, "/v1/completions", PROMPT)

    assert here["text"] == there["choices"][0]["text"]


async def test_a_prompt_is_answered_as_a_chat_answers_it(http: aiohttp.ClientSession) -> None:
    hello = "Hello, who are you?"
    choices = {"temperature": 0, "max_tokens": 24}
    chat = {"messages": [{"role": "user", "content": hello}], **choices}
    _, there = await post(http, "/v1/chat/completions", chat)

    _, here = await post(http, "/api/v1/generate", {"prompt": hello, **choices})
    _, batch = await post(
        http, "/api/v1/batch/generate", {"requests": [{"prompt": hello, **choices}]}
    )
    async with http.post("/api/v1/generate/stream", json={"prompt": hello, **choices}) as response:
        streamed = "".join([event["token"] async for event in events(response)])

    wanted = there["choices"][0]["message"]["content"]
    assert wanted
    assert [here["text"], batch["results"][0]["text"], streamed] == [wanted] * 3


async def test_a_batch_answers_each_or_says_why_not(http: aiohttp.ClientSession) -> None:
    _, alone = await post(http, "/api/v1/generate", PROMPT)

    status, body = await post(
        http,
        "/api/v1/batch/generate",
        {"requests": [PROMPT, {**PROMPT, "model": "ghost"}, PROMPT]},
    )

    assert status == 200
    assert [result.get("text") for result in body["results"]] == [
        alone["text"],
        None,
        alone["text"],
    ]
    assert body["results"][1]["error"]["code"] == "MODEL_NOT_FOUND"


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
async def test_health_is_told(http: aiohttp.ClientSession, path: str) -> None:
    body = await get(http, path)

    assert body["status"] == "healthy"
    assert body["active_connections"] >= 1
    used, total = body["memory_usage"].split("/")
    assert used.endswith("B")
    assert total.endswith("B")


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
async def test_metrics_are_prometheus_text(http: aiohttp.ClientSession, path: str) -> None:
    await post(http, "/api/v1/generate", PROMPT)

    async with http.get(path) as response:
        text = await response.text()

    assert response.content_type == "text/plain"
    assert "# TYPE model_inference_seconds histogram" in text
    assert "# TYPE active_connections gauge" in text


@pytest.mark.parametrize("name", [MODEL, "default"])
async def test_a_model_is_loaded_and_listed_as_loaded(
    http: aiohttp.ClientSession, name: str
) -> None:
    status, loaded = await post(http, f"/api/v1/models/{name}/load", {"prefer_gpu": False})
    listed = (await get(http, "/api/v1/models"))["models"]

    assert status == 200
    assert (loaded["name"], loaded["loaded"]) == (MODEL, True)
    assert [model["loaded"] for model in listed if model["name"] == MODEL] == [True]


async def test_a_load_needs_no_body(http: aiohttp.ClientSession) -> None:
    async with http.post(f"/api/v1/models/{MODEL}/load") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/v1/generate", {"prompt": "x", "model": "ghost"}, 404, "MODEL_NOT_FOUND"),
        ("/api/v1/generate/stream", {"prompt": "x", "model": "ghost"}, 404, "MODEL_NOT_FOUND"),
        ("/api/v1/generate", {"prompt": "x", "temperature": -1}, 400, "FIELD_INVALID"),
        ("/api/v1/generate", {"prompt": ""}, 400, "FIELD_INVALID"),
        ("/api/v1/generate", {}, 400, "FIELD_INVALID"),
        ("/api/v1/generate", {"prompt": 7}, 400, "BODY_MALFORMED"),
        ("/api/v1/batch/generate", {"requests": []}, 400, "FIELD_INVALID"),
        ("/api/v1/models/ghost/load", {}, 404, "MODEL_NOT_FOUND"),
        (f"/api/v1/models/{MODEL}/load", {"quantization": "q2_k"}, 400, "FIELD_INVALID"),
        ("/api/v1/nothing", {}, 404, "ROUTE_NOT_FOUND"),
        ("/health", {}, 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_errors_have_the_documents_body(
    http: aiohttp.ClientSession, path: str, body: Any, status: int, code: str
) -> None:
    answered, error = await post(http, path, body)

    assert (answered, error["error"]["code"]) == (status, code)
    assert set(error["error"]) == {"code", "message", "details"}


async def test_a_wrong_field_of_a_batch_is_named_with_its_place(
    http: aiohttp.ClientSession,
) -> None:
    _, body = await post(
        http, "/api/v1/batch/generate", {"requests": [PROMPT, {**PROMPT, "top_p": 2}]}
    )

    assert body["error"]["details"].startswith("requests[1].top_p: ")


async def test_a_lost_worker_is_an_error_event_that_ends_the_stream(
    start_stack: StartStack,
) -> None:
    stack = start_stack()
    request = {**PROMPT, "max_tokens": 4000, "ignore_end": True}
    async with (
        aiohttp.ClientSession(stack.http_url) as http,
        http.post("/api/v1/generate/stream", json=request) as response,
    ):
        stream = events(response)
        assert (await anext(stream))["finished"] is False

        (worker,) = stack.workers()
        worker.kill()

        *_, last = [event async for event in stream]

    assert last["finished"] is True
    assert last["error"]["code"] == "WORKER_LOST"
