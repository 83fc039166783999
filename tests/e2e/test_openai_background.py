"""The official OpenAI client has responses made in the background, follows and cancels them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseStreamEvent, ResponseTextConfigParam

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
# So many numbers fill the model's context: a second's work, if nobody stops it.
LONG: ResponseTextConfigParam = {
    "format": {
        "type": "json_schema",
        "name": "numbers",
        "schema": {"type": "array", "items": {"type": "integer"}, "minItems": 1000},
    }
}


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0) as opened:
        yield opened


def said(events: list[ResponseStreamEvent]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def end(events: list[ResponseStreamEvent]) -> Response:
    last: Any = events[-1]
    return last.response


async def first_words(
    client: AsyncOpenAI, words: int, **request: Any
) -> tuple[str, list[ResponseStreamEvent]]:
    """Begins a response, and leaves it after so many events; gives its id and them."""
    stream: Any = await client.responses.create(
        model=MODEL, background=True, stream=True, temperature=0, **request
    )
    events: list[ResponseStreamEvent] = []
    async with stream:
        async for event in stream:
            events.append(event)
            if len(events) == words:
                break
    begun: Any = events[0]
    return begun.response.id, events


async def test_one_that_nobody_waits_for_is_made(client: AsyncOpenAI) -> None:
    queued = await client.responses.create(
        model=MODEL, input="Hello!", temperature=0, background=True
    )

    followed = [event async for event in await client.responses.retrieve(queued.id, stream=True)]
    found = await client.responses.retrieve(queued.id)

    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    assert (found.status, found.background) == ("completed", True)
    assert said(followed) == found.output_text == end(followed).output_text
    whole = await client.responses.create(model=MODEL, input="Hello!", temperature=0)
    assert found.output_text == whole.output_text


async def test_a_stream_that_broke_off_is_taken_up_where_it_was(client: AsyncOpenAI) -> None:
    response_id, seen = await first_words(client, 9, input="Tell me a story.")
    numbers = [event.sequence_number for event in seen]

    rest = [
        event
        async for event in await client.responses.retrieve(
            response_id, stream=True, starting_after=numbers[-1]
        )
    ]
    late = [
        event
        async for event in await client.responses.retrieve(
            response_id, stream=True, starting_after=numbers[-1]
        )
    ]

    found = await client.responses.retrieve(response_id)
    assert found.status == "completed"
    assert said(seen) + said(rest) == found.output_text
    assert said(seen) + said(late) == found.output_text  # told from what is kept
    told = [*numbers, *(event.sequence_number for event in rest)]
    assert told == sorted(set(told))
    assert end(rest) == end(late)


async def test_one_that_is_cancelled_keeps_what_was_written(client: AsyncOpenAI) -> None:
    response_id, seen = await first_words(client, 20, input="Count.", text=LONG)

    cancelled = await client.responses.cancel(response_id)

    assert cancelled.status == "cancelled"
    assert cancelled.output_text.startswith(said(seen))
    followed = [event async for event in await client.responses.retrieve(response_id, stream=True)]
    assert (followed[-1].type, end(followed).status) == ("response.incomplete", "cancelled")
    assert said(followed) == cancelled.output_text
    assert await client.responses.cancel(response_id) == cancelled


async def test_only_what_is_made_in_the_background_is_cancelled(client: AsyncOpenAI) -> None:
    made = await client.responses.create(model=MODEL, input="Hello!", max_output_tokens=16)

    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.cancel(made.id)

    assert raised.value.code == "response_not_in_background"


async def test_what_is_made_in_the_background_must_be_kept(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.responses.create(model=MODEL, input="Hello!", background=True, store=False)

    assert raised.value.param in {"background", "store"}
