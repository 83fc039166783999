"""Prompts that are tokens, and how long what is submitted may be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import GenerationOptions, OutputFormat, SamplingParameters
from funland.worker.v1.worker_pb2 import Submit, Tokens
from funland_worker.engines.protocol import EngineError, Prompt
from funland_worker.prompts import PromptReader
from tests.worker.conftest import Driver


@pytest.fixture
def reader(driver: Driver) -> PromptReader:
    return PromptReader(driver.engine, None, begin_mark="")


async def read(reader: PromptReader, submit: Submit) -> Prompt:
    (prompt,) = (await reader.read(submit)).prompts
    return prompt


async def refusal(reader: PromptReader, submit: Submit) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await reader.read(submit)
    return raised.value


def of(tokens: Sequence[int]) -> Tokens:
    return Tokens(tokens=tokens)


async def test_tokens_are_continued_as_they_are(reader: PromptReader) -> None:
    assert (await read(reader, Submit(tokens=of([5, 0, 4095])))).tokens == [5, 0, 4095]


async def test_tokens_may_be_bound_to_a_format(reader: PromptReader) -> None:
    submit = Submit(tokens=of([5]), format=OutputFormat(regex="a"))

    assert (await read(reader, submit)).matcher is not None


@pytest.mark.parametrize(("tokens", "place"), [([4096], 0), ([1, 2, 2**31 - 1], 2)])
async def test_tokens_that_there_are_not_are_named(
    reader: PromptReader, tokens: list[int], place: int
) -> None:
    error = await refusal(reader, Submit(tokens=of(tokens)))

    assert error.reason == ErrorReason.TOKEN_UNKNOWN
    assert error.metadata["field"] == f"prompt_tokens[{place}]"


@pytest.mark.parametrize("field", ["stop_tokens", "allowed_tokens"])
async def test_named_tokens_must_be_the_models(reader: PromptReader, field: str) -> None:
    last, past = SamplingParameters(), SamplingParameters()
    getattr(last, field).extend([1, 4095])
    getattr(past, field).extend([1, 4096])

    assert await read(reader, Submit(prompt="Hello", sampling=last))
    error = await refusal(reader, Submit(prompt="Hello", sampling=past))

    assert error.reason == ErrorReason.TOKEN_UNKNOWN
    assert error.metadata == {"vocabulary_size": "4096", "field": f"sampling.{field}[1]"}


async def test_too_many_tokens_are_refused_as_a_text_is(
    reader: PromptReader, driver: Driver
) -> None:
    length = driver.engine.context_length

    assert await read(reader, Submit(tokens=of([5] * (length - 1))))
    error = await refusal(reader, Submit(tokens=of([5] * length)))

    assert error.reason == ErrorReason.PROMPT_TOO_LONG
    assert error.metadata["prompt_tokens"] == str(length)


@pytest.mark.parametrize(
    ("last", "most", "kept"),
    [
        (1, None, 1),
        (3, None, 3),
        (400, None, 300),
        (-1, None, 255),
        (-1, 1, 255),
        (-1, 0, 255),
        (-1, 56, 200),
        (-1, 255, 1),
        (-1, 256, 255),
        (-1, 10_000, 255),
    ],
)
async def test_the_last_tokens_of_a_prompt_can_be_kept(
    reader: PromptReader, last: int, most: int | None, kept: int
) -> None:
    tokens = [3 + place % 4000 for place in range(300)]
    options = GenerationOptions(last_prompt_tokens=last)
    submit = Submit(
        tokens=of(tokens), options=options, sampling=SamplingParameters(max_tokens=most)
    )
    if kept > 255:  # what it asks for is too long by itself
        assert (await refusal(reader, submit)).reason == ErrorReason.PROMPT_TOO_LONG
        return

    assert (await read(reader, submit)).tokens == tokens[-kept:]


async def test_a_text_is_shortened_by_its_tokens(reader: PromptReader, driver: Driver) -> None:
    text = "Once upon a time there was a fox. " * 100
    submit = Submit(prompt=text, options=GenerationOptions(last_prompt_tokens=7))

    assert (await read(reader, submit)).tokens == driver.tokens(text)[-7:]


async def test_what_is_wanted_of_the_prompt_reaches_the_first_text_alone(
    reader: PromptReader,
) -> None:
    options = GenerationOptions(n=2, prompt_logprobs=0, progress=True)
    sampling = SamplingParameters(banned_texts=["time"])

    first, second = (
        await reader.read(Submit(prompt="Hello", options=options, sampling=sampling))
    ).prompts
    plain = await read(reader, Submit(prompt="Hello"))

    assert (first.prompt_logprobs, first.progress) == (0, True)
    assert (second.prompt_logprobs, second.progress) == (None, False)
    assert first.banned == second.banned
    assert len(first.banned) > 1
    assert (plain.prompt_logprobs, plain.progress, plain.banned) == (None, False, ())
