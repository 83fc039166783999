"""Anthropic's own client works unchanged against the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
STORY = {"role": "user", "content": "Tell me a story."}
WEATHER = {
    "name": "weather",
    "description": "Tells whether it rains.",
    "input_schema": {
        "type": "object",
        "properties": {"wet": {"type": "boolean"}},
        "required": ["wet"],
        "additionalProperties": False,
    },
}
FIVE_STEPS = 5


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=stack.http_url, api_key="any", max_retries=0) as opened:
        yield opened


async def ask(client: AsyncAnthropic, **options: Any) -> Any:
    """An answer. The client's newest version has no sampling parameters, so they go beside."""
    asked: dict[str, Any] = {"model": MODEL, "messages": [STORY], "max_tokens": 24, **options}
    create: Any = client.messages.create
    return await create(**asked, extra_body={"temperature": 0})


async def stream(client: AsyncAnthropic, **options: Any) -> tuple[list[Any], Any]:
    """The events of a stream, and the message that the client makes of them."""
    asked: dict[str, Any] = {"model": MODEL, "messages": [STORY], "max_tokens": 24, **options}
    begin: Any = client.messages.stream
    async with begin(**asked, extra_body={"temperature": 0}) as opened:
        events = [event async for event in opened]
        return events, await opened.get_final_message()


async def either(client: AsyncAnthropic, *, streamed: bool, **options: Any) -> Any:
    return (await stream(client, **options))[1] if streamed else await ask(client, **options)


async def test_a_message_is_answered(client: AsyncAnthropic) -> None:
    answer = await ask(client, max_tokens=8)

    assert (answer.type, answer.role, answer.model) == ("message", "assistant", MODEL)
    assert answer.id.startswith("msg_")
    (block,) = answer.content
    assert (block.type, block.text.split()[0]) == ("text", "Once")
    assert (answer.stop_reason, answer.stop_sequence) == ("max_tokens", None)
    assert answer.usage.output_tokens == 8


def test_the_synchronous_client_is_answered_too(stack: Stack) -> None:
    messages: Any = [STORY]
    with Anthropic(base_url=stack.http_url, api_key="any", max_retries=0) as client:
        answer = client.messages.create(model=MODEL, messages=messages, max_tokens=4)
        names = [model.id for model in client.models.list()]
        one = client.models.retrieve(MODEL)

    assert answer.content
    assert MODEL in names
    assert one.id == MODEL


async def test_a_stream_is_the_message(client: AsyncAnthropic) -> None:
    whole = await ask(client)
    events, message = await stream(client)
    kinds = [event.type for event in events]

    assert message.content[0].text == whole.content[0].text
    assert message.stop_reason == whole.stop_reason
    assert message.usage.output_tokens == whole.usage.output_tokens
    start = events[0].message
    assert start.usage.input_tokens + start.usage.cache_read_input_tokens == (
        message.usage.input_tokens + message.usage.cache_read_input_tokens
    )
    assert kinds[0] == "message_start"
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1
    assert kinds[-1] == "message_stop"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_stop_sequence_is_told(client: AsyncAnthropic, streamed: bool) -> None:
    answer = await either(client, streamed=streamed, stop_sequences=["never said", " called"])

    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", " called")
    assert " called" not in answer.content[0].text


@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_are_used_in_five_steps(client: AsyncAnthropic, streamed: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Rain?"}]
    asked: dict[str, Any] = {"messages": messages, "tools": [WEATHER], "max_tokens": 120}

    for step in range(FIVE_STEPS):
        must = {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
        answer = await either(client, streamed=streamed, tool_choice=must, **asked)
        assert answer.stop_reason == "tool_use"
        (call,) = (block for block in answer.content if block.type == "tool_use")
        assert call.name == "weather"
        assert isinstance(call.input["wet"], bool)
        messages.append({"role": "assistant", "content": answer.content})
        result = {"type": "tool_result", "tool_use_id": call.id, "content": f"dry {step}"}
        messages.append({"role": "user", "content": [result]})
    last = await either(client, streamed=streamed, tool_choice={"type": "none"}, **asked)

    assert last.stop_reason in ("end_turn", "max_tokens")
    assert all(block.type == "text" for block in last.content)


async def test_a_schema_binds_the_answer(client: AsyncAnthropic) -> None:
    schema = WEATHER["input_schema"]
    config = {"format": {"type": "json_schema", "schema": schema}}

    answer = await ask(client, output_config=config, max_tokens=60)

    assert answer.content[0].text.replace(" ", "") in ('{"wet":true}', '{"wet":false}')


async def test_an_answer_goes_on_with_its_own_beginning(client: AsyncAnthropic) -> None:
    begun = {"role": "assistant", "content": "Once upon a time, a little bear"}

    answer = await ask(client, messages=[STORY, begun])

    assert answer.content[0].text.startswith(" called")


async def test_tokens_are_counted_as_they_are_used(client: AsyncAnthropic) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": [STORY], "system": "Be kind."}
    count: Any = client.messages.count_tokens

    counted = await count(**asked)
    used = (await ask(client, system="Be kind.")).usage

    assert counted.input_tokens == used.input_tokens + used.cache_read_input_tokens


async def test_headers_that_clients_write_into_the_prompt_do_not_spoil_the_cache(
    client: AsyncAnthropic,
) -> None:
    told = "You are a careful teller of tales. " * 8

    async def used(number: int) -> Any:
        header = {
            "type": "text",
            "text": f"x-anthropic-billing-header: cc_version=2; cch={number};",
        }
        system = [header, {"type": "text", "text": told, "cache_control": {"type": "ephemeral"}}]
        return (await ask(client, system=system)).usage

    first, second = await used(1), await used(2)

    total = first.input_tokens + first.cache_read_input_tokens
    assert second.input_tokens + second.cache_read_input_tokens == total
    assert second.cache_read_input_tokens > total / 2


async def test_errors_are_those_that_the_client_knows(client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        await ask(client, model="no-such-model")
    with pytest.raises(anthropic.BadRequestError, match="max_tokens") as bad:
        await ask(client, max_tokens=-5)
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens"):
        await ask(client, messages=[{"role": "user", "content": "word " * 5000}])
    with pytest.raises(anthropic.BadRequestError, match=r"tools\[0\].type"):
        await ask(client, tools=[{"type": "web_search_20250305", "name": "web_search"}])

    for problem, kind in ((unknown, "not_found_error"), (bad, "invalid_request_error")):
        body: Any = problem.value.body
        assert (body["type"], body["error"]["type"]) == ("error", kind)
        assert body["request_id"]


@pytest.mark.parametrize("streams", [False, True])
def test_the_sdks_own_loop_of_tools_makes_five_steps(stack: Stack, streams: bool) -> None:
    cities: list[str] = []

    @anthropic.beta_tool
    def look(city: Literal["Paris", "Rome"]) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        cities.append(city)
        return f"It is sunny in {city}."

    messages: Any = [STORY]
    with Anthropic(base_url=stack.http_url, api_key="any", max_retries=0) as client:
        runner: Any = client.beta.messages.tool_runner(
            model=MODEL,
            max_tokens=120,
            extra_body={"temperature": 0},
            messages=messages,
            tools=[look],
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            max_iterations=FIVE_STEPS,
            stream=streams,
        )
        answers = [one.get_final_message() if streams else one for one in runner]

    assert len(answers) == len(cities) == FIVE_STEPS
    # Each answer reads what was said before: the loop asks the server to keep that, and is refused.
    read = [answer.usage.input_tokens + answer.usage.cache_read_input_tokens for answer in answers]
    assert read == sorted(set(read))
