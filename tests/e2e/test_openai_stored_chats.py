"""The official OpenAI client keeps chat completions and finds them again."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import openai
import pytest
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as opened:
        yield opened


async def test_a_completion_is_kept_found_changed_and_deleted(client: AsyncOpenAI) -> None:
    completions = client.chat.completions
    made = await completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello!"}],
        temperature=0,
        logprobs=True,
        store=True,
        metadata={"topic": "test"},
    )

    found = await completions.retrieve(made.id)
    messages = await completions.messages.list(made.id)
    changed = await completions.update(made.id, metadata={"topic": "new"})
    deleted = await completions.delete(made.id)

    assert found == made
    assert made.choices[0].message.content
    assert [message.content for message in messages.data] == ["Hello!"]
    assert changed == made.model_copy(update={"metadata": {"topic": "new"}})
    assert deleted.deleted
    with pytest.raises(openai.NotFoundError) as raised:
        await completions.retrieve(made.id)
    assert raised.value.code == "response_not_found"


async def test_completions_are_listed_by_what_was_kept_with_them(client: AsyncOpenAI) -> None:
    topic = {"topic": uuid.uuid4().hex}
    made = [
        await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": text}],
            max_completion_tokens=1,
            store=True,
            metadata=topic,
        )
        for text in ("One", "Two", "Three")
    ]

    oldest_first = [each async for each in client.chat.completions.list(metadata=topic, limit=2)]
    newest = await client.chat.completions.list(metadata=topic, limit=1, order="desc")
    nobodys = await client.chat.completions.list(metadata={"topic": "nobody's"})

    assert oldest_first == made
    assert newest.data == made[-1:]
    assert newest.has_more
    assert nobodys.data == []


async def test_a_streamed_completion_is_kept_as_it_was_streamed(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello!"}],
        temperature=0,
        store=True,
        stream=True,
    )
    chunks = [chunk async for chunk in stream]

    kept = await client.chat.completions.retrieve(chunks[0].id)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert kept.choices[0].message.content == text
    assert kept.choices[0].finish_reason == chunks[-1].choices[0].finish_reason


async def test_each_kind_is_found_under_its_own_routes_alone(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model=MODEL, input="Hello!", max_output_tokens=16)
    chat = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello!"}], store=True
    )

    listed = [each.id async for each in client.chat.completions.list(limit=100)]

    identity = response.id.removeprefix("resp_")
    assert chat.id in listed
    assert f"chatcmpl-{identity}" not in listed
    for wrong in (response.id, f"chatcmpl-{identity}"):
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.retrieve(wrong)
    for wrong in (chat.id, f"resp_{chat.id.removeprefix('chatcmpl-')}"):
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(wrong)
        with pytest.raises(openai.NotFoundError):
            await client.responses.delete(wrong)
    assert await client.chat.completions.retrieve(chat.id) == chat
