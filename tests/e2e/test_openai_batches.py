"""The official OpenAI client has files of requests answered, whatever befalls the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch
from openai.types.chat import ChatCompletion

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
ENDED = ("completed", "failed", "expired", "cancelled")
SECONDS = 120
"""After which something that should have happened is taken not to happen."""


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with opened(stack) as client:
        yield client


def opened(stack: Stack) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0)


def chat(custom_id: str, tokens: int = 6, **body: Any) -> dict[str, Any]:
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"Tell me of {custom_id}."}],
        "max_tokens": tokens,
        "temperature": 0,
    }
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": asked | body}


async def create(
    client: AsyncOpenAI, lines: Sequence[dict[str, Any] | str], endpoint: Any = CHAT
) -> Batch:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    content = "\n".join(texts).encode()
    file = await client.files.create(file=("lines.jsonl", content), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"run": "7"}
    )


async def until(client: AsyncOpenAI, batch_id: str, enough: Callable[[Batch], bool]) -> Batch:
    """Asks until a batch is as it should be."""
    async with asyncio.timeout(SECONDS):
        while not enough(batch := await client.batches.retrieve(batch_id)):  # noqa: ASYNC110 - as clients do
            await asyncio.sleep(0.02)
    return batch


async def ended(client: AsyncOpenAI, batch_id: str) -> Batch:
    return await until(client, batch_id, lambda batch: batch.status in ENDED)


def answered(batch: Batch) -> int:
    assert batch.request_counts is not None
    return batch.request_counts.completed


def more_than(known: int, batch: Batch) -> bool:
    return batch.status in ENDED or answered(batch) > known


async def content(client: AsyncOpenAI, file_id: str | None) -> list[dict[str, Any]]:
    if file_id is None:
        return []
    return [json.loads(each) for each in (await client.files.content(file_id)).text.splitlines()]


async def answer(client: AsyncOpenAI, body: dict[str, Any]) -> ChatCompletion:
    """A live one."""
    return await client.post("/chat/completions", body=body, cast_to=ChatCompletion)


def spoken(completion: ChatCompletion) -> list[str | None]:
    return [choice.message.content for choice in completion.choices]


async def test_a_file_of_requests_is_answered(client: AsyncOpenAI) -> None:
    created = await create(client, [chat(f"n{n}") for n in range(20)])

    batch = await ended(client, created.id)

    assert (created.status, created.object) == ("validating", "batch")
    assert (batch.status, batch.model, batch.error_file_id) == ("completed", MODEL, None)
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 20, "completed": 20, "failed": 0}
    answers = {each["custom_id"]: each for each in await content(client, batch.output_file_id)}
    assert answers.keys() == {f"n{n}" for n in range(20)}
    live = await answer(client, chat("n7")["body"])
    seventh = answers["n7"]["response"]
    assert seventh["status_code"] == 200
    assert seventh["request_id"].startswith("req_")
    said = [each["message"]["content"] for each in seventh["body"]["choices"]]
    assert said == spoken(live)
    assert seventh["body"]["object"] == "chat.completion"
    assert batch.usage is not None
    assert batch.usage.output_tokens == sum(
        each["response"]["body"]["usage"]["completion_tokens"] for each in answers.values()
    )
    assert batch.metadata == {"run": "7"}
    listed = [each.id async for each in client.batches.list(limit=1)]
    assert created.id in listed


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (
            EMBEDDINGS,
            {"model": MODEL, "input": ["one", "two"], "encoding_format": "float"},
        ),
        (
            "/v1/completions",
            {"model": MODEL, "prompt": ["One,", "two,"], "max_tokens": 4, "temperature": 0},
        ),
        (
            "/v1/responses",
            {"model": MODEL, "input": "Hello!", "max_output_tokens": 4, "temperature": 0},
        ),
    ],
)
async def test_other_endpoints_have_batches_too(
    client: AsyncOpenAI, endpoint: str, body: dict[str, Any]
) -> None:
    line = {"custom_id": "a", "method": "POST", "url": endpoint, "body": body}

    batch = await ended(client, (await create(client, [line], endpoint)).id)

    [answer] = await content(client, batch.output_file_id)
    path = endpoint.removeprefix("/v1")
    expected = await client.post(path, body=body, cast_to=dict[str, Any])
    same = {"data", "choices", "output"} & expected.keys()
    assert without_ids(answer["response"]["body"], same) == without_ids(expected, same)


def without_ids(answer: dict[str, Any], names: set[str]) -> Any:
    """What two answers to the same have alike, in single precision."""
    [name] = names
    text = json.dumps(answer[name], sort_keys=True)
    value = json.loads(text, parse_float=lambda number: round(float(number), 4))
    for each in value:
        each.pop("id", None)
    return value


async def test_what_is_wrong_with_a_line_stands_in_the_file_of_errors(
    client: AsyncOpenAI,
) -> None:
    lines = [chat("good"), chat("no-model", model="nobody"), chat("streamed", stream=True)]

    batch = await ended(client, (await create(client, lines)).id)

    assert (batch.status, answered(batch)) == ("completed", 1)
    errors = await content(client, batch.error_file_id)
    found = {
        each["custom_id"]: (
            each["response"]["status_code"],
            each["response"]["body"]["error"]["code"],
            each["response"]["body"]["error"]["param"],
        )
        for each in errors
    }
    assert found == {
        "no-model": (404, "model_not_found", "model"),
        "streamed": (400, "unsupported_parameter", "stream"),
    }


async def test_broken_lines_are_told_by_number(client: AsyncOpenAI) -> None:
    lines = [chat("a"), "not JSON", chat("a"), {**chat("b"), "url": EMBEDDINGS}]

    batch = await ended(client, (await create(client, lines)).id)

    assert batch.status == "failed"
    assert batch.failed_at is not None
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(each.code, each.line) for each in batch.errors.data] == [
        ("invalid_json_line", 2),
        ("duplicate_custom_id", 3),
        ("url_mismatch", 4),
    ]


async def test_what_can_not_be_a_batch_is_refused(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as endpoint:
        await create(client, [chat("a")], "/v1/moderations")
    with pytest.raises(openai.NotFoundError) as file:
        await client.batches.create(
            input_file_id="file-nobody", endpoint=CHAT, completion_window="24h"
        )
    with pytest.raises(openai.NotFoundError) as batch:
        await client.batches.retrieve("batch_nobody")

    assert endpoint.value.param == "endpoint"
    assert (file.value.code, file.value.param) == ("file_not_found", "input_file_id")
    assert batch.value.code == "batch_not_found"


async def test_live_chats_are_answered_beside_a_batch_that_is_cancelled_then(
    client: AsyncOpenAI,
) -> None:
    batch = await create(client, [chat(f"n{n}", tokens=100) for n in range(3000)])
    await until(client, batch.id, lambda batch: answered(batch) > 0)

    live = [await answer(client, chat("me")["body"]) for _ in range(3)]
    still = await client.batches.retrieve(batch.id)
    cancelling = await client.batches.cancel(batch.id)
    cancelled = await ended(client, batch.id)

    assert [spoken(each) for each in live] == [spoken(live[0])] * 3
    assert still.status == "in_progress"
    assert cancelling.status in ("cancelling", "cancelled")
    assert cancelled.status == "cancelled"
    assert cancelled.cancelled_at is not None
    answers = await content(client, cancelled.output_file_id)
    assert 0 < len(answers) == answered(cancelled) < 3000


async def test_each_line_is_answered_once_though_the_server_is_killed_thrice(
    start_stack: StartStack,
) -> None:
    stack = start_stack()
    batch_id, known = "", 0
    for _ in range(3):
        async with opened(stack) as client:
            if not batch_id:
                batch_id = (await create(client, [chat(f"n{n}") for n in range(200)])).id
            batch = await until(client, batch_id, partial(more_than, known))
            known = answered(batch)
        stack.process.kill()
        stack.process.wait()
        stack = start_stack()

    async with opened(stack) as client:
        # And a worker too.
        await until(client, batch_id, partial(more_than, known))
        for worker in stack.workers():
            worker.kill()
        done = await ended(client, batch_id)
        answers = await content(client, done.output_file_id)
        errors = await content(client, done.error_file_id)

    assert errors == []
    assert (done.status, answered(done)) == ("completed", 200)
    assert len(answers) == 200
    assert {each["custom_id"] for each in answers} == {f"n{n}" for n in range(200)}
