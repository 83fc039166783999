"""The tools that agents offer by OpenAI's API, against the real service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
PARAMETERS = {
    "type": "object",
    "properties": {"wet": {"type": "boolean"}},
    "required": ["wet"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "name": "weather", "parameters": PARAMETERS}
SPACE = {"type": "namespace", "name": "mcp", "description": "More.", "tools": [WEATHER]}
PATCH = {"type": "custom", "name": "patch", "description": "Changes files."}
ELSEWHERE = {"type": "mcp", "server_label": "x", "server_url": "https://mcp.example/x"}
HOSTED = [{"type": "web_search"}, {"type": "local_shell"}, ELSEWHERE]
ALL = [WEATHER, SPACE, PATCH, *HOSTED]


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as opened:
        yield opened


def nested(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as chat completions have it."""
    if tool["type"] not in ("function", "custom"):
        return tool
    return {"type": tool["type"], tool["type"]: tool}


async def respond(client: AsyncOpenAI, **options: Any) -> Any:
    """A response, of which the client's type lacks the fields that only Funland has."""
    create: Any = client.responses.create
    return await create(**{"model": MODEL, "input": "Rain?", "temperature": 0, **options})


async def chat(client: AsyncOpenAI, **options: Any) -> Any:
    """A chat completion, or its stream."""
    create: Any = client.chat.completions.create
    messages = [{"role": "user", "content": "Rain?"}]
    return await create(**{"model": MODEL, "messages": messages, "temperature": 0, **options})


async def test_tools_that_can_not_be_had_stand_beside_functions(client: AsyncOpenAI) -> None:
    response = await respond(client, tools=[WEATHER, *HOSTED], tool_choice="required")
    tools = [nested(tool) for tool in (WEATHER, *HOSTED)]
    completion = await chat(client, tools=tools, tool_choice="required", max_tokens=60)

    left_out = ["tools[1]", "tools[2]", "tools[3]"]
    for answer in (response, completion):
        assert [warning["param"] for warning in answer.warnings] == left_out
    (item,) = response.output
    assert json.loads(item.arguments)["wet"] in (True, False)
    (call,) = completion.choices[0].message.tool_calls
    assert json.loads(call.function.arguments)["wet"] in (True, False)


async def test_with_nothing_but_such_tools_the_model_answers_without(client: AsyncOpenAI) -> None:
    response = await respond(client, tools=HOSTED, tool_choice="auto")
    plain = await respond(client)
    completion = await chat(client, tools=HOSTED)

    assert response.output_text == plain.output_text == completion.choices[0].message.content


@pytest.mark.parametrize("choice", ["required", {"type": "web_search"}])
async def test_who_demands_such_a_tool_is_refused(client: AsyncOpenAI, choice: Any) -> None:
    for ask in (respond, chat):
        with pytest.raises(openai.BadRequestError) as raised:
            await ask(client, tools=HOSTED, tool_choice=choice)

        assert raised.value.code == "unsupported_parameter"
        assert (raised.value.param or "").startswith("tool_choice")


async def test_a_call_into_a_namespace_is_followed_and_found_again(client: AsyncOpenAI) -> None:
    choice = {"type": "function", "namespace": "mcp", "name": "weather"}
    made = await respond(client, tools=ALL, tool_choice=choice)
    (call,) = made.output
    followed = await respond(
        client,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "dry"}],
        previous_response_id=made.id,
        tools=ALL,
        tool_choice="none",
    )
    again = await respond(
        client,
        input=[
            {"role": "user", "content": "Rain?"},
            call.model_dump(exclude_none=True),
            {"type": "function_call_output", "call_id": call.call_id, "output": "dry"},
        ],
        tools=[SPACE, WEATHER],
        tool_choice="none",
    )
    items = await client.responses.input_items.list(again.id, order="asc")

    assert (call.type, call.namespace, call.name) == ("function_call", "mcp", "weather")
    assert (await client.responses.retrieve(made.id)).output == made.output
    # The model was told the same, by what is kept and by what was sent.
    assert followed.usage.input_tokens == again.usage.input_tokens
    assert followed.output_text == again.output_text
    told: Any = items.data[1]
    assert (told.type, told.namespace, told.name) == ("function_call", "mcp", "weather")


async def test_a_custom_call_is_streamed_and_found_again(client: AsyncOpenAI) -> None:
    events = [
        event
        async for event in await respond(
            client,
            tools=ALL,
            tool_choice={"type": "custom", "name": "patch"},
            max_output_tokens=60,
            stream=True,
        )
    ]

    (item,) = events[-1].response.output
    assert (item.type, item.name) == ("custom_tool_call", "patch")
    grown = [e.delta for e in events if e.type == "response.custom_tool_call_input.delta"]
    assert "".join(grown) == item.input
    (done,) = [e for e in events if e.type == "response.custom_tool_call_input.done"]
    assert done.input == item.input
    assert (await client.responses.retrieve(events[-1].response.id)).output == [item]


async def test_a_custom_call_of_a_chat_is_taken_back(client: AsyncOpenAI) -> None:
    tools = [nested(tool) for tool in ALL]
    choice = {"type": "custom", "custom": {"name": "patch"}}
    made = await chat(client, tools=tools, tool_choice=choice, max_tokens=60)

    message = made.choices[0].message
    (call,) = message.tool_calls
    assert (call.type, call.custom.name) == ("custom", "patch")
    messages = [
        {"role": "user", "content": "Rain?"},
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "done"},
    ]
    answer = await chat(client, messages=messages, tools=tools, tool_choice="none", max_tokens=20)
    assert answer.choices[0].message.content is not None


@pytest.mark.parametrize("older", [False, True])
async def test_a_streamed_call_is_the_whole_one_whoever_reads_it(
    client: AsyncOpenAI, older: bool
) -> None:
    function = {"name": "weather", "parameters": PARAMETERS}
    asked: dict[str, Any] = {"max_tokens": 60}
    if older:
        asked |= {"functions": [function], "function_call": {"name": "weather"}}
    else:
        asked |= {"tools": [nested(WEATHER)], "tool_choice": "required"}
    message = (await chat(client, **asked)).choices[0].message
    whole = message.function_call if older else message.tool_calls[0].function

    chunks = [chunk async for chunk in await chat(client, **asked, stream=True)]

    assert chunks[0].choices[0].delta.content is None
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert all(len(delta.tool_calls or ()) <= 1 for delta in deltas)
    calls = [
        d.function_call if older else d.tool_calls and d.tool_calls[0].function for d in deltas
    ]
    assert "".join(call.arguments or "" for call in calls if call) == whole.arguments
