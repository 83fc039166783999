"""The official OpenAI client makes, follows and finds responses, over the server's death too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import FunctionToolParam, ResponseFunctionToolCall
from pydantic import BaseModel

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
WRITES = 40
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"wet": {"type": "boolean"}},
        "required": ["wet"],
        "additionalProperties": False,
    },
    "strict": True,
}


def connect(stack: Stack) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0)


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with connect(stack) as opened:
        yield opened


async def test_a_response_is_made_found_and_deleted(client: AsyncOpenAI) -> None:
    made = await client.responses.create(
        model=MODEL, input="Hello!", temperature=0, metadata={"topic": "test"}
    )

    found = await client.responses.retrieve(made.id)
    items = await client.responses.input_items.list(made.id)
    await client.responses.delete(made.id)

    assert made.status == "completed"
    assert made.output_text
    assert found == made.model_copy(update={"temperature": 0.0})
    assert [item.type for item in items.data] == ["message"]
    with pytest.raises(openai.NotFoundError) as raised:
        await client.responses.retrieve(made.id)
    assert raised.value.code == "response_not_found"


async def test_the_clients_own_stream_accumulator_understands_the_stream(
    client: AsyncOpenAI,
) -> None:
    async with client.responses.stream(model=MODEL, input="Hello!", temperature=0) as stream:
        text = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()

    whole = await client.responses.create(model=MODEL, input="Hello!", temperature=0)
    assert "".join(text) == final.output_text == whole.output_text
    assert (await client.responses.retrieve(final.id)).output_text == final.output_text


async def test_a_killed_server_has_every_response_that_it_told_of(
    start_stack: StartStack, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    before = start_stack(home)
    async with connect(before) as client:
        first = await client.responses.create(model=MODEL, input="My name is Anna.", temperature=0)
        stream = await client.responses.create(
            model=MODEL, input="Hello!", temperature=0, previous_response_id=first.id, stream=True
        )
        ends = [event.response async for event in stream if event.type == "response.completed"]
    told = await kill_under_writes(before)

    after = start_stack(home)

    async with connect(after) as client:
        second = await client.responses.retrieve(ends[0].id)
        third = await client.responses.create(
            model=MODEL, input="Thanks!", temperature=0, previous_response_id=second.id
        )
        for name in told:
            assert (await client.responses.retrieve(name)).id == name
    assert second.output_text == ends[0].output_text
    counts = [answer.usage.input_tokens for answer in (first, second, third) if answer.usage]
    assert counts[0] < counts[1] < counts[2]  # each prompt holds those before it
    with contextlib.closing(sqlite3.connect(home / "funland.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def kill_under_writes(stack: Stack) -> list[str]:
    """Makes responses on four connections, kills the server meanwhile; gives those it told of."""
    told: list[str] = []
    enough = asyncio.Event()

    async def write() -> None:
        async with connect(stack) as client:
            with contextlib.suppress(openai.APIConnectionError):
                while True:
                    made = await client.responses.create(
                        model=MODEL, input="Hello!", max_output_tokens=1
                    )
                    told.append(made.id)
                    if len(told) == WRITES:
                        enough.set()

    async with asyncio.timeout(120), asyncio.TaskGroup() as writers:
        for _ in range(4):
            writers.create_task(write())
        await enough.wait()
        stack.process.send_signal(signal.SIGKILL)
    stack.process.wait()
    return told


async def test_a_response_that_was_never_made_can_not_be_followed(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.responses.create(
            model=MODEL, input="Hello!", previous_response_id="resp_nobody"
        )

    assert raised.value.param == "previous_response_id"


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"input": "word " * 20_000}, "input"),
        ({"tools": [{**WEATHER, "parameters": {"properties": {"a": {"type": "x"}}}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "x"}}}},
            "text.format.schema",
        ),
    ],
)
async def test_what_can_not_be_answered_names_its_parameter(
    client: AsyncOpenAI, wanted: dict[str, Any], param: str
) -> None:
    request: Any = {"model": MODEL, "input": "Hello!", **wanted}

    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(**request)

    assert raised.value.param == param


async def test_a_response_is_parsed_into_a_pydantic_model(client: AsyncOpenAI) -> None:
    class Weather(BaseModel):
        wet: bool
        wind: bool

    answer = await client.responses.parse(
        model=MODEL, input="Will it rain?", temperature=0, text_format=Weather
    )

    assert isinstance(answer.output_parsed, Weather)


async def test_a_function_is_called_and_its_result_is_answered(client: AsyncOpenAI) -> None:
    asked = await client.responses.create(
        model=MODEL,
        input="Is it wet?",
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
    )
    (call,) = [item for item in asked.output if isinstance(item, ResponseFunctionToolCall)]
    answered = await client.responses.create(
        model=MODEL,
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "dry"}],
        tools=[WEATHER],
        tool_choice="none",
        temperature=0,
    )

    assert call.name == "weather"
    assert json.loads(call.arguments) in ({"wet": True}, {"wet": False})
    assert answered.output_text


async def test_a_streamed_call_has_the_arguments_of_the_whole_one(client: AsyncOpenAI) -> None:
    async with client.responses.stream(
        model=MODEL, input="Is it wet?", tools=[WEATHER], tool_choice="required", temperature=0
    ) as stream:
        events = [event async for event in stream]

    deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    done = [e.arguments for e in events if e.type == "response.function_call_arguments.done"]
    assert done
    assert "".join(deltas) == "".join(done)


async def test_logprobs_come_with_the_text_when_they_are_asked_for(client: AsyncOpenAI) -> None:
    answer = await client.responses.create(
        model=MODEL,
        input="Hello!",
        temperature=0,
        include=["message.output_text.logprobs"],
        top_logprobs=2,
    )

    message = answer.output[0]
    assert message.type == "message"
    part = message.content[0]
    assert part.type == "output_text"
    assert part.logprobs
    assert b"".join(bytes(token.bytes) for token in part.logprobs) == part.text.encode()
    assert {len(token.top_logprobs) for token in part.logprobs} == {2}


async def test_tokens_are_counted_without_an_answer(client: AsyncOpenAI) -> None:
    counted = await client.responses.input_tokens.count(model=MODEL, input="Hello!")
    made = await client.responses.create(model=MODEL, input="Hello!", max_output_tokens=1)

    assert made.usage is not None
    assert counted.input_tokens == made.usage.input_tokens


async def test_only_background_responses_can_be_cancelled(client: AsyncOpenAI) -> None:
    made = await client.responses.create(model=MODEL, input="Hello!", max_output_tokens=1)

    with pytest.raises(openai.BadRequestError, match="background"):
        await client.responses.cancel(made.id)
