"""What the client does beyond plain text, against the real service."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import BaseModel, Field

from funland.v1.inference_pb2 import Finish, Message
from funland.v1.models_pb2 import LoadSettings
from funland.v1.responses_pb2 import Response
from funland_client import AsyncFunland, Funland, Grammar, Regex
from funland_client.errors import (
    AdapterNotFoundError,
    AnswerCutOffError,
    ConstraintError,
    ResponseNotFoundError,
    ResponseNotInBackgroundError,
)
from tests import lora_files

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    legs: int = Field(ge=3, le=4)


class Hero(BaseModel):
    name: Literal["Felix", "Ruby"]
    pets: list[Pet] = Field(max_length=2)
    colours: set[Literal["red", "blue"]] = Field(max_length=2)
    likes: dict[Literal["tea", "milk"], bool]
    friend: Pet | None


def weather(city: Literal["Rome", "Paris"]) -> str:
    """Tells the weather."""
    return f"It is sunny in {city}."


@pytest.fixture
def client(stack: Stack) -> Iterator[Funland]:
    with Funland(stack.grpc_address, timeout=60) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(4))
def test_a_pydantic_class_is_what_comes_back_at_any_temperature(client: Funland, seed: int) -> None:
    answer = client.chat("Tell me a story.", format=Hero, temperature=1, seed=seed, max_tokens=600)

    hero: Hero = answer.parsed
    assert hero.name in {"Felix", "Ruby"}
    assert answer.response.finish_reason == Finish.STOP


async def test_streams_and_texts_without_a_chat_are_read_as_classes_too(
    client: Funland, stack: Stack
) -> None:
    with client.stream_chat("Hello", format=Pet, temperature=0, max_tokens=200) as stream:
        pieces = "".join(stream)
    async with AsyncFunland(stack.grpc_address, timeout=60) as other:
        generated = await other.generate("Once", format=Pet, temperature=0, max_tokens=200)

    assert stream.parse(Pet) == Pet.model_validate_json(pieces)
    assert isinstance(generated.parsed, Pet)


def test_a_class_that_was_cut_off_says_so(client: Funland) -> None:
    answer = client.chat("Hello", format=Hero, temperature=0, max_tokens=2)

    with pytest.raises(AnswerCutOffError):
        _ = answer.parsed


def test_a_regular_expression_and_a_grammar_hold(client: Funland) -> None:
    year = client.generate("In", format=Regex("[12][0-9]{3} AD"), temperature=1).text
    word = client.chat("Yes?", format=Grammar('root ::= "yes" | "no"')).message.content

    assert len(year) == 7
    assert year.endswith(" AD")
    assert word in {"yes", "no"}


def test_a_schema_that_can_not_be_compiled_is_refused(client: Funland) -> None:
    with pytest.raises(ConstraintError):
        client.chat("Hello", format={"type": "frob"})


def test_several_answers_have_logprobs_and_are_those_of_the_stream(client: Funland) -> None:
    def ask() -> list[str]:
        whole = client.generate("Once", n=3, seed=5, max_tokens=6, top_logprobs=1, temperature=1)
        assert len(whole.logprobs) == 6
        assert all(len(token.top) == 1 and token.logprob <= 0 for token in whole.logprobs)
        return [whole.text, *(other.text for other in whole.alternatives)]

    with client.stream_generate("Once", n=3, seed=5, max_tokens=6, temperature=1) as stream:
        list(stream)

    assert [text.text for text in stream.texts] == ask()
    assert stream.text == stream.texts[0].text


def test_a_function_is_called_and_its_result_told_to_the_model(client: Funland) -> None:
    run = client.run_tools(
        "What is the weather?", [weather], tool_choice=weather, temperature=0, max_tokens=400
    )

    roles = [message.role for message in run.messages]
    assert roles == [Message.USER, Message.ASSISTANT, Message.TOOL, Message.ASSISTANT]
    assert run.messages[1].tool_calls[0].name == "weather"
    assert run.messages[2].content.startswith("It is sunny in ")
    assert run.messages[3] == run.response.message


async def test_a_coroutine_function_is_called_too(stack: Stack) -> None:
    async def time() -> str:
        """Tells the time."""
        await asyncio.sleep(0)
        return "It is noon."

    async with AsyncFunland(stack.grpc_address, timeout=60) as client:
        run = await client.run_tools(
            "What time is it?", [time], tool_choice="required", temperature=0, max_tokens=400
        )

    assert [m.content for m in run.messages if m.role == Message.TOOL] == ["It is noon."]


def test_a_streamed_call_is_the_call_that_comes_whole(client: Funland) -> None:
    def ask() -> str:
        answer = client.chat(
            "Hello", tools=[weather], tool_choice="required", temperature=0, max_tokens=400
        )
        return answer.message.tool_calls[0].arguments

    with client.stream_chat(
        "Hello", tools=[weather], tool_choice="required", temperature=0, max_tokens=400
    ) as stream:
        assert "".join(stream).strip() == ""

    assert stream.finish.reason == Finish.TOOL_CALLS
    assert [call.arguments for call in stream.tool_calls] == [ask()]


def test_vectors_are_cut_and_not_normalized_if_asked(client: Funland) -> None:
    whole = client.embed("a cat", normalize=False).embeddings[0].values
    cut = client.embed("a cat", dimensions=8).embeddings[0].values

    assert not math.isclose(math.hypot(*whole), 1, abs_tol=1e-3)
    assert len(cut) == 8
    assert math.isclose(math.hypot(*cut), 1, abs_tol=1e-3)
    assert client.embed("a cat", pooling="last", normalize=False).embeddings[0].values != whole


def test_documents_are_ranked(client: Funland) -> None:
    documents = ["The sea is deep.", "A little fox lived in a forest."]

    ranked = client.rerank("A little fox lived in a forest.", documents)
    best = client.rerank("A little fox lived in a forest.", documents, top_n=1)

    assert [result.index for result in ranked.results] == [1, 0]
    assert list(best.results) == list(ranked.results[:1])


def test_the_template_tells_the_prompt_and_its_tokens(client: Funland) -> None:
    applied = client.apply_template("Hello", tools=[weather])

    assert "Hello" in applied.prompt
    assert "weather" in applied.prompt
    assert list(applied.tokens) == client.tokenize(applied.prompt, parse_special=True)


def test_a_response_is_kept_followed_and_deleted(client: Funland) -> None:
    first = client.responses.create("My name is Anna.", temperature=0, metadata={"a": "b"})
    with client.responses.stream(
        "What is my name?", previous_response_id=first.response_id, temperature=0
    ) as stream:
        text = "".join(stream)

    assert "Anna" in text
    assert stream.response.state == Response.COMPLETED
    assert stream.response.output.content == text
    assert client.responses.get(first.response_id).metadata == {"a": "b"}
    assert [m.content for m in client.responses.list_input(first.response_id)] == [
        "My name is Anna."
    ]
    client.responses.delete(first.response_id)
    with pytest.raises(ResponseNotFoundError):
        client.responses.get(first.response_id)


def test_a_response_in_the_background_is_watched_changed_found_and_cancelled(
    client: Funland,
) -> None:
    begun = client.responses.create(
        "Hello", background=True, collection="notes", temperature=0, max_tokens=8
    )
    with client.responses.watch(begun.response_id) as stream:
        text = "".join(stream)
    with client.responses.watch(begun.response_id, after=stream.event_number - 1) as rest:
        pieces = list(rest)

    changed = client.responses.update(begun.response_id, {"topic": "test"})
    found = client.responses.list(collection="notes", metadata={"topic": "test"}, page_size=1)
    cancelled = client.responses.cancel(begun.response_id)

    assert begun.state == Response.QUEUED
    assert stream.response.output.content == text != ""
    assert rest.complete
    assert text.endswith("".join(pieces))
    assert list(found.responses) == [changed] == [cancelled]
    assert changed.metadata == {"topic": "test"}
    client.responses.delete(begun.response_id)


def test_what_is_not_in_the_background_cannot_be_cancelled(client: Funland) -> None:
    response = client.responses.create("Hello", max_tokens=1)

    with pytest.raises(ResponseNotInBackgroundError):
        client.responses.cancel(response.response_id)


def test_a_response_is_read_as_a_class(client: Funland) -> None:
    answer = client.responses.create("Hello", format=Pet, temperature=0, store=False)

    assert isinstance(answer.parsed, Pet)
    assert not answer.response.stored


def test_an_adapter_is_attached_named_and_detached(client: Funland, tmp_path: Path) -> None:
    file = lora_files.write(tmp_path / "poet.gguf")
    plain = client.generate("Once upon a time", temperature=0, max_tokens=12).text

    attached = client.models.attach(MODEL, file)
    try:
        changed = client.generate(
            "Once upon a time", temperature=0, max_tokens=12, adapters={"poet": 1.0}
        ).text
    finally:
        client.models.detach(MODEL, "poet")

    assert "poet" in {adapter.adapter_id for adapter in attached.adapters}
    assert changed != plain
    with pytest.raises(AdapterNotFoundError):
        client.generate("Once", adapters="poet")


def test_a_model_is_loaded_as_it_is_told_to_be(client: Funland) -> None:
    try:
        loaded = client.models.load(
            MODEL,
            engine="llama_cpp",
            context_length=512,
            slots=2,
            keep_alive_seconds=300,
            memory_limit_bytes=10**9,
            speculation="prompt_lookup",
        ).loaded
    finally:
        client.models.unload(MODEL)

    assert loaded.engine == LoadSettings.LLAMA_CPP
    assert (loaded.context_length, loaded.slots) == (512, 2)
    assert loaded.memory_limit_bytes == 10**9
    assert loaded.HasField("unload_time")


async def test_calls_whose_worker_is_lost_are_made_again(client: Funland, stack: Stack) -> None:
    async with AsyncFunland(stack.grpc_address, timeout=60) as other:
        await other.models.load(MODEL)
        calls = asyncio.gather(
            other.generate("Once", ignore_end=True, max_tokens=900),
            asyncio.to_thread(client.generate, "Once", ignore_end=True, max_tokens=900),
        )
        while (await other.models.get(MODEL)).loaded.active_sequences < 2:
            assert not calls.done()
        for worker in stack.workers():
            worker.kill()
        answers = await calls

    assert [answer.usage.completion_tokens for answer in answers] == [900, 900]
