"""All that OpenAI's client can ask of a chat, against the real service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import pytest
from openai import AsyncOpenAI
from openai.types import Completion
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionFunctionToolParam,
    ChatCompletionNamedToolChoiceParam,
    ChatCompletionTokenLogprob,
    ChatCompletionUserMessageParam,
)
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
HELLO: ChatCompletionUserMessageParam = {"role": "user", "content": "Hello!"}


class Weather(BaseModel):
    """What a tool is asked, and an answer must be."""

    model_config = ConfigDict(extra="forbid")

    city: Literal["Paris", "London"]
    days: Literal[1, 2, 3]


TOOLS: list[ChatCompletionFunctionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Tells what the weather will be.",
            "parameters": Weather.model_json_schema(),
        },
    }
    for name in ("forecast", "history")
]


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as opened:
        yield opened


async def ask(client: AsyncOpenAI, **options: Any) -> ChatCompletion:
    """An answer to HELLO."""
    create: Any = client.chat.completions.create  # its overloads can't be told apart by a dict
    return await create(**{"model": MODEL, "messages": [HELLO], **options})


async def listen(client: AsyncOpenAI, **options: Any) -> list[ChatCompletionChunk]:
    """The chunks of an answer to HELLO."""
    create: Any = client.chat.completions.create
    stream = await create(model=MODEL, messages=[HELLO], stream=True, **options)
    return [chunk async for chunk in stream]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.http_url) as opened:
        yield opened


async def test_several_answers_come_at_once_and_their_prompt_counts_once(
    client: AsyncOpenAI,
) -> None:
    one = await ask(client, temperature=1.5, seed=1, max_tokens=8)
    several = await ask(client, temperature=1.5, seed=1, max_tokens=8, n=3)

    assert [choice.index for choice in several.choices] == [0, 1, 2]
    assert several.choices[0].message.content == one.choices[0].message.content
    assert len({choice.message.content for choice in several.choices}) > 1
    assert one.usage is not None
    assert several.usage is not None
    assert several.usage.prompt_tokens == one.usage.prompt_tokens
    assert several.usage.completion_tokens > one.usage.completion_tokens


async def test_a_stream_of_several_answers_says_what_the_whole_ones_say(
    client: AsyncOpenAI,
) -> None:
    asked: dict[str, Any] = {"temperature": 1.5, "seed": 1, "max_tokens": 8, "n": 3}
    whole = await ask(client, **asked)
    *chunks, last = await listen(client, **asked, stream_options={"include_usage": True})

    texts = dict.fromkeys(range(3), "")
    for chunk in chunks:
        [choice] = chunk.choices
        texts[choice.index] += choice.delta.content or ""
    assert list(texts.values()) == [choice.message.content for choice in whole.choices]
    assert sum(chunk.choices[0].finish_reason is not None for chunk in chunks) == 3
    assert last.usage is not None
    assert whole.usage is not None
    assert last.usage.completion_tokens == whole.usage.completion_tokens
    assert last.usage.prompt_tokens == whole.usage.prompt_tokens


async def test_logprobs_are_those_of_the_text(client: AsyncOpenAI) -> None:
    asked: dict[str, Any] = {"temperature": 0, "max_tokens": 6, "logprobs": True}
    answer = await ask(client, **asked, top_logprobs=3)
    streamed: list[ChatCompletionTokenLogprob] = []
    for chunk in await listen(client, **asked, top_logprobs=3):
        logprobs = chunk.choices[0].logprobs
        streamed += (logprobs and logprobs.content) or []

    choice = answer.choices[0]
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert len(tokens) == 6
    assert b"".join(bytes(each.bytes or []) for each in tokens).decode() == choice.message.content
    for token in tokens:
        top = [each.logprob for each in token.top_logprobs]
        assert len(top) == 3
        assert top == sorted(top, reverse=True)
        assert token.token == token.top_logprobs[0].token  # temperature 0 takes the likeliest
        assert token.logprob == pytest.approx(top[0], abs=1e-3)
        assert top[0] <= 0
    assert [each.token for each in streamed] == [each.token for each in tokens]
    for one, other in zip(streamed, tokens, strict=True):
        # Another batch computes the same with other roundings.
        assert one.logprob == pytest.approx(other.logprob, abs=0.05)


async def test_an_answer_is_parsed_as_the_pydantic_model_that_was_asked_for(
    client: AsyncOpenAI,
) -> None:
    answer = await client.chat.completions.parse(
        model=MODEL, messages=[HELLO], temperature=1, response_format=Weather
    )

    assert isinstance(answer.choices[0].message.parsed, Weather)
    assert answer.choices[0].finish_reason == "stop"


async def test_an_answer_that_is_cut_off_is_unfinished_and_says_so(client: AsyncOpenAI) -> None:
    answer = await ask(
        client,
        max_tokens=3,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "weather", "schema": Weather.model_json_schema()},
        },
    )

    assert answer.choices[0].finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.choices[0].message.content or "")


@pytest.mark.parametrize(
    ("extra", "texts"),
    [
        ({"guided_choice": ["left", "right (or so)"]}, {"left", "right (or so)"}),
        ({"guided_regex": "(ab){2}"}, {"abab"}),
        ({"grammar": 'root ::= "yes" | "no"'}, {"yes", "no"}),
        ({"structured_outputs": {"json": {"const": 7}}}, {"7"}),
    ],
)
async def test_what_other_servers_bind_an_answer_with_binds_it(
    client: AsyncOpenAI, extra: dict[str, Any], texts: set[str]
) -> None:
    chat = await ask(client, extra_body=extra)
    text = await client.completions.create(model=MODEL, prompt="Hello", extra_body=extra)

    assert chat.choices[0].message.content in texts
    assert text.choices[0].text in texts


@pytest.mark.parametrize("name", [None, "history"])
async def test_a_call_that_must_be_made_is_made_with_valid_arguments(
    client: AsyncOpenAI, name: str | None
) -> None:
    named: Any = {"type": "function", "function": {"name": name}}
    answer = await ask(
        client,
        tools=TOOLS,
        tool_choice="required" if name is None else named,
        parallel_tool_calls=False,
    )

    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    [call] = choice.message.tool_calls
    assert call.type == "function"
    assert call.id
    assert call.function.name in ({"forecast", "history"} if name is None else {name})
    assert Weather.model_validate_json(call.function.arguments)


async def test_the_clients_own_accumulator_puts_a_streamed_call_together(
    client: AsyncOpenAI,
) -> None:
    named: ChatCompletionNamedToolChoiceParam = {
        "type": "function",
        "function": {"name": "forecast"},
    }
    whole = await ask(
        client, tools=TOOLS, tool_choice=named, parallel_tool_calls=False, temperature=0
    )
    async with client.chat.completions.stream(
        model=MODEL,
        messages=[HELLO],
        tools=TOOLS,
        tool_choice=named,
        parallel_tool_calls=False,
        temperature=0,
    ) as stream:
        pieces = [
            event.arguments_delta
            async for event in stream
            if event.type == "tool_calls.function.arguments.delta"
        ]
        final = await stream.get_final_completion()

    [call] = final.choices[0].message.tool_calls or []
    assert final.choices[0].finish_reason == "tool_calls"
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == call.function.arguments
    assert whole.choices[0].message.tool_calls is not None
    [expected] = whole.choices[0].message.tool_calls
    assert expected.type == "function"
    assert call.function.arguments == expected.function.arguments


async def test_functions_are_answered_in_the_shape_they_had(client: AsyncOpenAI) -> None:
    answer = await ask(
        client,
        functions=[{"name": "forecast", "parameters": Weather.model_json_schema()}],
        function_call={"name": "forecast"},
    )

    choice = answer.choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call is not None
    assert choice.message.function_call.name == "forecast"
    assert Weather.model_validate_json(choice.message.function_call.arguments)


async def test_the_result_of_a_call_is_answered(client: AsyncOpenAI) -> None:
    called = {
        "id": "c1",
        "type": "function",
        "function": {"name": "forecast", "arguments": '{"city":"Paris","days":1}'},
    }
    messages: Any = [
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny."},
    ]

    answer = await ask(client, messages=messages, tools=TOOLS, tool_choice="none", max_tokens=8)

    assert answer.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None


async def test_several_prompts_are_streamed_as_one(client: AsyncOpenAI) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "prompt": ["Once upon", "The sky"],
        "n": 2,
        "temperature": 0,
        "max_tokens": 6,
        "logprobs": 1,
    }
    create: Any = client.completions.create
    whole: Completion = await create(**asked)
    stream: AsyncIterator[Completion] = await create(**asked, stream=True)

    texts = dict.fromkeys(range(4), "")
    tokens: dict[int, list[str]] = {index: [] for index in range(4)}
    async for chunk in stream:
        [choice] = chunk.choices
        texts[choice.index] += choice.text
        tokens[choice.index] += (choice.logprobs and choice.logprobs.tokens) or []

    assert list(texts.values()) == [choice.text for choice in whole.choices]
    assert texts[0] == texts[1] != texts[2] == texts[3]
    assert list(tokens.values()) == [
        choice.logprobs and choice.logprobs.tokens for choice in whole.choices
    ]


async def test_embeddings_have_as_many_dimensions_as_are_asked_for(client: AsyncOpenAI) -> None:
    whole = await client.embeddings.create(model=MODEL, input="a cat", encoding_format="float")
    short = await client.embeddings.create(
        model=MODEL, input="a cat", encoding_format="float", dimensions=8
    )

    values = short.data[0].embedding
    assert len(values) == 8
    assert sum(value**2 for value in values) == pytest.approx(1, abs=1e-4)
    ratios = [a / b for a, b in zip(values, whole.data[0].embedding, strict=False)]
    assert ratios == pytest.approx([ratios[0]] * 8, rel=1e-3)


async def test_documents_are_ranked(http: aiohttp.ClientSession) -> None:
    body = {
        "model": MODEL,
        "query": "Tell me a story.",
        "documents": ["1 + 1 = 2", {"text": "Tell me a story."}, "The sky is blue."],
        "top_n": 2,
        "return_documents": True,
    }

    async with http.post("/v1/rerank", json=body) as response:
        results = (await response.json())["results"]

    assert len(results) == 2
    assert results[0]["index"] == 1
    assert results[0]["document"] == {"text": "Tell me a story."}
    assert results[0]["relevance_score"] >= results[1]["relevance_score"]


async def test_text_goes_to_tokens_and_back(http: aiohttp.ClientSession) -> None:
    async with http.post("/tokenize", json={"content": "Hello, world!"}) as response:
        tokens = (await response.json())["tokens"]
    async with http.post("/detokenize", json={"tokens": tokens}) as response:
        text = await response.json()

    assert tokens
    assert text == {"content": "Hello, world!", "prompt": "Hello, world!"}


async def test_a_chats_prompt_has_the_tokens_that_its_usage_counts(
    http: aiohttp.ClientSession, client: AsyncOpenAI
) -> None:
    async with http.post("/apply-template", json={"messages": [HELLO]}) as response:
        prompt = (await response.json())["prompt"]
    async with http.post("/tokenize", json={"messages": [HELLO]}) as response:
        count = (await response.json())["count"]
    asked = {"messages": [HELLO], "max_tokens": 1, "model": "funland-tiny"}
    async with http.post("/v1/chat/completions/input_tokens", json=asked) as response:
        counted = await response.json()
    answer = await ask(client, max_tokens=1)

    assert "Hello!" in prompt
    assert prompt != "Hello!"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == count
    assert counted == {"input_tokens": count}
