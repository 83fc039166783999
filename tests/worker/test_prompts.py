"""What is submitted becomes tokens, or is refused with a reason before it costs anything."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message, SamplingParameters
from funland.worker.v1.worker_pb2 import Conversation, Submit
from funland_worker.engines.protocol import EngineError
from funland_worker.prompts import PromptReader
from funland_worker.templates.renderer import TemplateRenderer
from tests.worker.conftest import Driver

BEGIN = "<|im_start|>"
HELLO = Conversation(messages=[Message(role=Message.USER, content="Hello")])


@pytest.fixture
async def renderer() -> AsyncIterator[TemplateRenderer]:
    renderer = TemplateRenderer(
        "{{ bos_token }}{{ messages[0].content }}", begin_mark=BEGIN, end_mark=""
    )
    yield renderer
    await renderer.close()


@pytest.fixture
def reader(driver: Driver, renderer: TemplateRenderer) -> PromptReader:
    return PromptReader(driver.engine, renderer, begin_mark=BEGIN)


async def refusal(reader: PromptReader, submit: Submit) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await reader.read(submit)
    return raised.value


async def test_a_prompt_is_taken_as_it_is(reader: PromptReader, driver: Driver) -> None:
    prompt = await reader.read(Submit(sequence_id=7, prompt=f"{BEGIN}user\nHello"))

    assert prompt.sequence_id == 7
    assert driver.engine.detokenize(prompt.tokens) == f"{BEGIN}user\nHello"
    assert prompt.tokens == driver.tokens(f"{BEGIN}user\nHello")


async def test_a_conversation_goes_through_the_template(
    reader: PromptReader, driver: Driver
) -> None:
    prompt = await reader.read(Submit(conversation=HELLO))

    assert driver.engine.detokenize(prompt.tokens) == f"{BEGIN}Hello"


async def test_the_longest_prompt_leaves_room_for_one_token(
    reader: PromptReader, driver: Driver
) -> None:
    one = "Hello" * 400
    assert len(driver.tokens(one)) > driver.engine.context_length

    error = await refusal(reader, Submit(prompt=one))

    assert error.reason == ErrorReason.PROMPT_TOO_LONG
    assert error.metadata == {
        "prompt_tokens": str(len(driver.tokens(one))),
        "context_length": str(driver.engine.context_length),
    }


async def test_a_long_text_is_tokenized_as_a_short_one(
    reader: PromptReader, driver: Driver
) -> None:
    text = "Once upon a time there was a fox. " * 1000

    tokens = await reader.tokens(text, add_special=True, parse_special=True)

    assert tokens == driver.tokens(text)


async def test_the_context_bounds_what_can_be_read(reader: PromptReader, driver: Driver) -> None:
    length = driver.engine.context_length

    reader.check_length([1] * length)
    reader.check_length([1] * (length - 1), room_for_answer=1)
    with pytest.raises(EngineError):
        reader.check_length([1] * length, room_for_answer=1)


async def test_nothing_can_not_be_continued(reader: PromptReader) -> None:
    assert (await refusal(reader, Submit(prompt=""))).reason == ErrorReason.FIELD_INVALID


async def test_a_bias_for_an_unknown_token_is_refused(reader: PromptReader, driver: Driver) -> None:
    size = driver.engine.vocabulary_size
    last = SamplingParameters(logit_bias={size - 1: 1.0})
    past = SamplingParameters(logit_bias={size: 1.0})

    assert await reader.read(Submit(prompt="Hello", sampling=last))
    error = await refusal(reader, Submit(prompt="Hello", sampling=past))

    assert error.reason == ErrorReason.TOKEN_UNKNOWN
    assert error.metadata == {"vocabulary_size": str(size)}


async def test_without_a_template_there_is_no_chat(driver: Driver) -> None:
    reader = PromptReader(driver.engine, None, begin_mark="")

    error = await refusal(reader, Submit(conversation=HELLO))

    assert error.reason == ErrorReason.MODEL_CANNOT_CHAT


async def test_a_begin_mark_is_not_written_twice(
    driver: Driver, renderer: TemplateRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    tokenize = driver.engine.tokenize

    def watch(text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        asked.append(add_special)
        return tokenize(text, add_special=add_special, parse_special=parse_special)

    monkeypatch.setattr(driver.engine, "tokenize", watch)

    # The embedded model adds no begin mark, so that what is asked for is all that shows it.
    await PromptReader(driver.engine, renderer, begin_mark=BEGIN).read(Submit(conversation=HELLO))
    await PromptReader(driver.engine, renderer, begin_mark="").read(Submit(conversation=HELLO))

    assert asked == [False, True]
