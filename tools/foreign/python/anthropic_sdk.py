"""The Anthropic SDK for Python, its loop of tools included."""

from __future__ import annotations

from typing import Literal

from anthropic import Anthropic, AsyncAnthropic, NotFoundError, beta_tool
from checks import ANSWER, CAPITAL, CITY, HELLO, MODEL, URL, Checks

checks = Checks()
client = Anthropic(base_url=URL, api_key="none")
SAID = [{"role": "user", "content": HELLO}]
ASKED = {"model": MODEL, "max_tokens": 60, "messages": SAID, "extra_body": {"temperature": 0}}
WEATHER = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": CITY}, "required": ["city"]},
}


@checks
def a_message_is_answered() -> None:
    answer = client.messages.create(**ASKED)
    assert answer.content[0].text == ANSWER, answer
    assert answer.stop_reason == "end_turn", answer
    assert answer.usage.output_tokens == 10, answer


@checks
def a_message_is_streamed() -> None:
    with client.messages.stream(**ASKED) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == ANSWER, text


@checks
async def a_message_is_streamed_asynchronously() -> None:
    other = AsyncAnthropic(base_url=URL, api_key="none")
    async with other, other.messages.stream(**ASKED) as stream:
        text = "".join([part async for part in stream.text_stream])
    assert text == ANSWER, text


@checks
def a_tool_is_called_and_told_what_it_gave() -> None:
    asked = {**ASKED, "tools": [WEATHER]}
    called = client.messages.create(**asked, tool_choice={"type": "tool", "name": "weather"})
    (call,) = [block for block in called.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    after = [
        *SAID,
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [result]},
    ]
    answer = client.messages.create(**{**asked, "messages": after})
    assert call.input["city"] in CITY["enum"], called
    assert called.stop_reason == "tool_use", called
    assert answer.content[0].text, answer


@checks
def a_streamed_call_is_whole() -> None:
    asked = {**ASKED, "tools": [WEATHER], "tool_choice": {"type": "any"}}
    with client.messages.stream(**asked) as stream:
        (call,) = [
            block for block in stream.get_final_message().content if block.type == "tool_use"
        ]
    assert call.input["city"] in CITY["enum"], call


@checks
def the_sdk_s_own_loop_makes_five_steps() -> None:
    seen = []

    @beta_tool
    def weather(city: Literal["Paris", "Rome"]) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        seen.append(city)
        return f"It is sunny in {city}."

    runner = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=120, messages=SAID, tools=[weather],
        tool_choice={"type": "any", "disable_parallel_tool_use": True}, max_iterations=5,
        extra_body={"temperature": 0},
    )  # fmt: skip
    steps = list(runner)
    assert len(steps) == len(seen) == 5, (len(steps), seen)


@checks
def tokens_are_counted() -> None:
    counted = client.messages.count_tokens(model=MODEL, messages=SAID)
    used = client.messages.create(**ASKED).usage
    assert counted.input_tokens == used.input_tokens + used.cache_read_input_tokens, counted


@checks
def an_answer_has_a_schema() -> None:
    schema = {
        "type": "object", "properties": {"city": CITY},
        "required": ["city"], "additionalProperties": False,
    }  # fmt: skip
    form = {"format": {"type": "json_schema", "schema": schema}}
    answer = client.messages.create(**ASKED, output_config=form)
    assert '"city"' in answer.content[0].text, answer


@checks
def an_answer_that_was_begun_goes_on() -> None:
    said = [
        {"role": "user", "content": CAPITAL},
        {"role": "assistant", "content": "The capital of"},
    ]
    answer = client.messages.create(**{**ASKED, "messages": said})
    assert answer.content[0].text.strip().startswith("France"), answer


@checks
def an_unknown_model_is_the_sdk_s_own_error() -> None:
    try:
        client.messages.create(**{**ASKED, "model": "ghost"})
    except NotFoundError as error:
        assert error.body["error"]["type"] == "not_found_error", error.body
    else:
        raise AssertionError("it was answered")


@checks
def models_are_listed() -> None:
    assert MODEL in [model.id for model in client.models.list()]


checks.run()
