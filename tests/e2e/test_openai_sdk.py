"""The official OpenAI client works unchanged against the real service."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionUserMessageParam

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
STORY: ChatCompletionUserMessageParam = {"role": "user", "content": "Tell me a short story."}


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as opened:
        yield opened


async def chat(client: AsyncOpenAI, **options: Any) -> str:
    asked: dict[str, Any] = {"temperature": 0, "max_completion_tokens": 24, **options}
    create: Any = client.chat.completions.create  # its overloads can't be told apart by a dict
    answer: ChatCompletion = await create(model=MODEL, messages=[STORY], **asked)
    return answer.choices[0].message.content or ""


async def endless(client: AsyncOpenAI) -> Any:
    """A stream that goes on after the model's end; its first piece of text has come."""
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[STORY],
        stream=True,
        max_tokens=4000,
        extra_body={"ignore_eos": True},
    )
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            return stream
    pytest.fail("The stream had no text.")


async def test_a_chat_is_answered(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=[STORY], temperature=0, max_completion_tokens=8
    )

    assert answer.id.startswith("chatcmpl-")
    assert answer.model == MODEL
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


def test_the_synchronous_client_chats_too(stack: Stack) -> None:
    with OpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(model=MODEL, messages=[STORY], max_tokens=4)

    assert answer.choices[0].message.content


async def test_a_streamed_chat_says_what_the_whole_one_says(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[STORY],
        temperature=0,
        max_completion_tokens=24,
        stream=True,
        stream_options={"include_usage": True},
    )

    *chunks, last = [chunk async for chunk in stream]

    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == await chat(client)
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 24


async def test_the_clients_own_stream_accumulator_understands_the_stream(
    client: AsyncOpenAI,
) -> None:
    async with client.chat.completions.stream(
        model=MODEL, messages=[STORY], temperature=0, max_completion_tokens=24
    ) as stream:
        done = [event async for event in stream if event.type == "content.done"]

    assert [event.content for event in done] == [await chat(client)]


async def test_completions_are_plain_streamed_and_several(client: AsyncOpenAI) -> None:
    whole = await client.completions.create(
        model=MODEL, prompt="Once upon", temperature=0, max_tokens=12
    )
    stream = await client.completions.create(
        model=MODEL, prompt="Once upon", temperature=0, max_tokens=12, stream=True
    )
    streamed = "".join([chunk.choices[0].text async for chunk in stream])
    several = await client.completions.create(
        model=MODEL, prompt=["Once upon", "The sky"], temperature=0, max_tokens=12
    )

    assert whole.choices[0].text
    assert streamed == whole.choices[0].text
    assert [choice.index for choice in several.choices] == [0, 1]
    assert several.choices[0].text == whole.choices[0].text


async def test_embeddings_in_base64_are_those_in_numbers(client: AsyncOpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "input": ["a cat", "a dog"]}
    # The client asks for base64 by itself.
    decoded: Any = await client.embeddings.create(**asked)
    numbers: Any = await client.embeddings.create(**asked, encoding_format="float")
    raw: Any = (
        await client.embeddings.with_raw_response.create(**asked, encoding_format="base64")
    ).http_response.json()

    packed = base64.b64decode(raw["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(packed) // 4}f", packed)) == decoded.data[0].embedding
    # As 32 bits they are the same: the numbers have the digits that it takes for that.
    assert [np.float32(each.embedding).tolist() for each in numbers.data] == [
        each.embedding for each in decoded.data
    ]
    assert sum(value**2 for value in numbers.data[1].embedding) == pytest.approx(1, abs=1e-4)
    assert numbers.usage.prompt_tokens > 0


async def test_models_are_listed_and_got(client: AsyncOpenAI) -> None:
    listed = [model async for model in client.models.list()]
    model = await client.models.retrieve(MODEL)

    assert model in listed
    assert (model.id, model.object, model.owned_by) == (MODEL, "model", "funland")


@pytest.mark.parametrize("name", ["nobody/has-this", "nobody", "no body?"])
async def test_an_unknown_model_is_not_found(client: AsyncOpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as chatting:
        await client.chat.completions.create(model=name, messages=[STORY])
    with pytest.raises(openai.NotFoundError) as getting:
        await client.models.retrieve(name)

    for raised in (chatting, getting):
        assert raised.value.code == "model_not_found"
        assert raised.value.type == "invalid_request_error"
        assert raised.value.request_id


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_tokens": -2}, "max_tokens"),
        ({"max_completion_tokens": -2}, "max_completion_tokens"),
        ({"max_completion_tokens": 2**40}, "max_completion_tokens"),
        ({"presence_penalty": 2.1}, "presence_penalty"),
        ({"logit_bias": {"1": 101}}, "logit_bias[1]"),
        ({"stop": [""]}, "stop[0]"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"functions": [{"name": "a b"}]}, "functions[0].name"),
        ({"extra_body": {"lora": [{"id": "x", "scale": 99}]}}, "lora[0].scale"),
        ({"extra_body": {"guided_regex": "("}}, "guided_regex"),
        ({"response_format": {"type": "json_object", "schema": {"type": 7}}}, "response_format"),
        ({"extra_body": {"top_k": -2}}, "top_k"),
        ({"extra_body": {"repeat_penalty": 3}}, "repeat_penalty"),
        ({"extra_body": {"temperature": "hot"}}, "temperature"),
        ({"extra_body": {"messages": [{"role": "wizard", "content": ""}]}}, "messages[0].role"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_wrong_parameter_is_named_as_it_was_sent(
    client: AsyncOpenAI, options: dict[str, Any], param: str, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.chat.completions.create(
            model=MODEL, messages=[STORY], stream=stream, **options
        )

    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"
    assert "sampling." not in raised.value.message


LONG = "word " * 3000
TOO_LONG: list[tuple[str, dict[str, Any], str]] = [
    ("chat/completions", {"messages": [{"role": "user", "content": LONG}]}, "messages"),
    (
        "chat/completions",
        {"messages": [{"role": "user", "content": LONG}], "stream": True},
        "messages",
    ),
    ("completions", {"prompt": LONG}, "prompt"),
    ("completions", {"prompt": LONG, "stream": True}, "prompt"),
    ("responses", {"input": LONG}, "input"),
    ("responses", {"input": LONG, "stream": True}, "input"),
    ("embeddings", {"input": LONG}, "input"),
]


@pytest.mark.parametrize(("path", "body", "param"), TOO_LONG)
async def test_a_prompt_longer_than_the_context_is_told_as_clients_know_it(
    client: AsyncOpenAI, path: str, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.post(f"/{path}", body={"model": MODEL, **body}, cast_to=object)

    error: Any = raised.value.body
    assert (error["code"], error["param"]) == ("context_length_exceeded", param)
    assert error["n_ctx"] == 1024
    assert error["n_prompt_tokens"] > 3000
    assert "maximum context length is 1024 tokens" in error["message"]
    assert f"prompt is too long: {error['n_prompt_tokens']} tokens" in error["message"]


async def test_an_unknown_adapter_is_not_found(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.completions.create(
            model=MODEL, prompt="x", extra_body={"lora": [{"id": "nobody"}]}
        )

    assert (raised.value.code, raised.value.param) == ("adapter_not_found", "lora")


async def test_each_string_of_a_stop_list_ends_the_text_before_it(client: AsyncOpenAI) -> None:
    text = await chat(client)
    words = text.split()
    assert len(words) > 4

    stopped = await chat(client, stop=["never said", words[3]])

    assert stopped == text[: text.index(words[3])]
    assert await chat(client, stop=words[3]) == stopped


async def test_a_seed_repeats_its_choices_however_large_it_is(client: AsyncOpenAI) -> None:
    texts = {
        await chat(client, temperature=1.5, seed=seed) for seed in (7, 7, 7 + 2**32, 7 - 2**40)
    }
    others = {await chat(client, temperature=1.5, seed=seed) for seed in range(8, 12)}

    assert len(texts) == 1
    assert len(others) > 1


async def test_a_client_that_goes_away_frees_its_slot(stack: Stack, client: AsyncOpenAI) -> None:
    stream = await endless(client)
    assert await active_sequences(stack) == 1

    await stream.close()

    # Each call joins the running batch, so the count is looked at anew after every step.
    for _ in range(50):
        if await active_sequences(stack) == 0:
            break
        await chat(client, max_completion_tokens=1)
    assert await active_sequences(stack) == 0


async def test_a_lost_worker_is_an_error_in_the_stream_and_the_next_call_works(
    start_stack: StartStack,
) -> None:
    stack = start_stack()
    async with AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as client:
        stream = await endless(client)

        (worker,) = stack.workers()
        worker.kill()

        with pytest.raises(openai.APIError) as raised:
            async for _ in stream:
                pass
        assert raised.value.code == "worker_lost"
        assert raised.value.type == "server_error"
        assert await chat(client)


async def test_unknown_paths_and_methods_have_openais_error_body(stack: Stack) -> None:
    async with aiohttp.ClientSession(stack.http_url) as http:
        async with http.get("/v1/nothing") as response:
            unknown = (response.status, (await response.json())["error"]["code"])
        async with http.get("/v1/embeddings") as response:
            forbidden = (response.status, (await response.json())["error"]["code"])
        async with http.post("/v1/embeddings", data=b"{") as response:
            broken = (response.status, (await response.json())["error"]["type"])

    assert unknown == (404, "unknown_url")
    assert forbidden == (405, "method_not_supported")
    assert broken == (400, "invalid_request_error")


async def active_sequences(stack: Stack) -> int:
    url = f"{stack.http_url}/funland/v1/models/{MODEL}"
    async with aiohttp.request("GET", url) as response:
        return (await response.json())["loaded"]["active_sequences"]
