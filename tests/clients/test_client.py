"""The Python client against the real service."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funland.v1.inference_pb2 import (
    ChatRequest,
    Finish,
    GenerateRequest,
    GenerateResponse,
    Message,
)
from funland.v1.models_pb2 import Model
from funland.v1.system_pb2 import Health
from funland.v1.tasks_pb2 import Task
from funland_client import AsyncFunland, Funland, PluginOutput
from funland_client.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    KeptFileNotFoundError,
    ModelBuiltInError,
    ModelNotFoundError,
    ServerUnreachableError,
    TaskNotFoundError,
    TaskStoppedError,
)

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
PROMPT = "Once upon a time"


@pytest.fixture
def client(stack: Stack) -> Iterator[Funland]:
    with Funland(stack.grpc_address, timeout=60) as opened:
        yield opened


@pytest.fixture
async def async_client(stack: Stack) -> AsyncIterator[AsyncFunland]:
    async with AsyncFunland(stack.grpc_address, timeout=60) as opened:
        yield opened


def test_a_chat_streams_the_text_that_it_gives_whole(client: Funland) -> None:
    whole = client.chat("Hello", temperature=0, max_tokens=24)
    with client.stream_chat("Hello", temperature=0, max_tokens=24) as stream:
        pieces = list(stream)

    assert "".join(pieces) == whole.message.content
    assert len(pieces) > 1
    assert stream.model == whole.model == MODEL
    assert stream.finish.usage.completion_tokens == whole.usage.completion_tokens
    assert stream.finish.timings.decode_ms > 0


async def test_both_clients_give_the_same_text(client: Funland, async_client: AsyncFunland) -> None:
    blocking = client.generate(PROMPT, temperature=0, max_tokens=16)
    whole = await async_client.generate(PROMPT, temperature=0, max_tokens=16)
    async with async_client.stream_generate(PROMPT, temperature=0, max_tokens=16) as stream:
        streamed = "".join([text async for text in stream])

    assert blocking.text == whole.text == streamed
    assert stream.finish.reason == blocking.finish_reason


def test_max_tokens_end_the_text(client: Funland) -> None:
    response = client.generate(PROMPT, temperature=0, max_tokens=4)

    assert response.finish_reason == Finish.LENGTH
    assert response.usage.completion_tokens == 4


def test_a_stop_string_is_not_sent(client: Funland) -> None:
    free = client.generate(PROMPT, temperature=0, max_tokens=24).text
    stop = free.split()[2]

    response = client.generate(PROMPT, temperature=0, max_tokens=24, stop=stop)

    assert response.finish_reason == Finish.STOP
    assert response.text == free[: free.index(stop)]


def test_a_batch_has_responses_and_errors_in_their_places(client: Funland) -> None:
    unknown = GenerateRequest(model="no-such-model", prompt=PROMPT)

    results = client.generate_batch([PROMPT, unknown, "The sea"], temperature=0, max_tokens=4)

    assert isinstance(results[0], GenerateResponse)
    assert isinstance(results[1], ModelNotFoundError)
    assert results[1].metadata["model"] == "no-such-model"
    assert isinstance(results[2], GenerateResponse)
    assert results[0].text == client.generate(PROMPT, temperature=0, max_tokens=4).text


def test_embeddings_have_length_one(client: Funland) -> None:
    one = client.embed("a cat")
    two = client.embed(["a cat", "a ship"])

    assert len(one.embeddings) == 1
    assert len(two.embeddings) == 2
    for embedding in two.embeddings:
        assert math.isclose(math.hypot(*embedding.values), 1, abs_tol=1e-3)


def test_tokens_turn_back_into_their_text(client: Funland) -> None:
    tokens = client.tokenize("Hello, 世界!", add_special=False)

    assert tokens
    assert client.detokenize(tokens) == "Hello, 世界!"
    pieces = client.pieces("Hello, 世界!", add_special=False)
    assert [token for token, _ in pieces] == tokens
    assert b"".join(piece for _, piece in pieces).decode() == "Hello, 世界!"
    assert client.generate(tokens, temperature=0, max_tokens=3).usage.prompt_tokens == len(tokens)


def test_a_tokenizer_tells_its_marks(client: Funland) -> None:
    tokenizer = client.tokenizer()

    assert tokenizer.model == MODEL
    (mark,) = client.tokenize(tokenizer.end_mark, parse_special=True)
    assert mark in tokenizer.end_tokens


def test_a_stream_tells_of_its_prompt(client: Funland) -> None:
    with client.stream_chat("Hello!", max_tokens=3, progress=True, prompt_logprobs=0) as stream:
        assert stream.prefill is None
        list(stream)

    assert stream.prefill is not None
    assert stream.prefill.done == stream.prefill.total == stream.finish.usage.prompt_tokens
    assert len(stream.prompt_logprobs) == stream.prefill.total


def test_the_built_in_model_is_listed_and_stays(client: Funland) -> None:
    listed = {model.model_id: model for model in client.models.list()}

    assert listed[MODEL].built_in
    assert listed[MODEL].default
    assert client.models.get(MODEL).sha256 == listed[MODEL].sha256
    with pytest.raises(ModelBuiltInError):
        client.models.delete(MODEL)


def test_a_model_is_unloaded_and_loaded(client: Funland) -> None:
    assert client.models.unload(MODEL).state == Model.INSTALLED

    loaded = client.models.load(MODEL)

    assert loaded.state == Model.LOADED
    assert loaded.loaded.slots > 0
    assert MODEL in {model.model_id for model in client.system.status().loaded_models}


def test_a_watch_tells_the_present_state_first(client: Funland) -> None:
    seen: list[str] = []
    with client.models.watch() as events:
        for event in events:
            if event.WhichOneof("event") == "synced":
                break
            seen.append(event.model.model_id)

    assert seen == [model.model_id for model in client.models.list()]


async def test_a_watch_tells_changes(async_client: AsyncFunland) -> None:
    await async_client.models.load(MODEL)

    async with async_client.models.watch(MODEL) as events:
        async for event in events:
            if event.WhichOneof("event") == "synced":
                break
        await async_client.models.unload(MODEL)
        async with asyncio.timeout(120):
            change = await anext(events)

    assert change.model.model_id == MODEL


def test_the_server_tells_of_itself(client: Funland) -> None:
    assert client.system.health().state == Health.SERVING
    assert client.system.status().installed_models >= 1
    assert "model_inference_seconds" in client.system.metrics()


def test_an_unknown_model_is_an_error_with_a_reason(client: Funland) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        client.chat("Hello", model="no-such-model")

    assert raised.value.reason == "MODEL_NOT_FOUND"
    assert raised.value.metadata == {"model": "no-such-model"}
    assert raised.value.request_id
    assert not raised.value.retryable


async def test_a_wrong_field_is_named(client: Funland, async_client: AsyncFunland) -> None:
    with pytest.raises(InvalidRequestError) as blocking:
        client.chat("Hello", temperature=3)
    with pytest.raises(InvalidRequestError) as streamed:
        await anext(async_client.stream_chat("Hello", temperature=3))

    for raised in (blocking, streamed):
        fields = [wrong.field for wrong in raised.value.field_violations]
        assert fields == ["sampling.temperature"]


def test_a_timeout_ends_a_call(stack: Stack) -> None:
    with (
        Funland(stack.grpc_address, timeout=0.3) as hasty,
        pytest.raises(DeadlineExceededError) as raised,
    ):
        hasty.generate(PROMPT, ignore_end=True, max_tokens=4000)

    assert raised.value.reason == "DEADLINE_PASSED"


def test_a_closed_stream_frees_its_slot(client: Funland) -> None:
    stream = client.stream_generate(PROMPT, ignore_end=True, max_tokens=4000)
    next(stream)

    stream.close()

    end = time.monotonic() + 5
    while client.models.get(MODEL).loaded.active_sequences:
        assert time.monotonic() < end, "the slot is still held"


def test_nothing_at_an_address_is_said_to_be_so() -> None:
    with Funland("127.0.0.1:1") as client, pytest.raises(ServerUnreachableError):
        client.system.health()


async def test_work_that_nobody_waits_for_gives_the_same_text(
    client: Funland, async_client: AsyncFunland
) -> None:
    whole = client.chat("Hello!", temperature=0)
    task = client.tasks.submit_chat("Hello!", temperature=0, task={"caller": "ada"})
    other = await async_client.tasks.submit_generate(PROMPT, temperature=0, max_tokens=4)

    assert client.tasks.wait(task.task_id).chat.message == whole.message
    assert (await async_client.tasks.wait(other.task_id)).generate.text
    assert [one.task_id for one in client.tasks.list(caller="ada", kinds=["chat"])] == [
        task.task_id
    ]
    with client.tasks.watch(other.task_id) as events:
        assert [event.task.result for event in events][-1].generate.text


def test_a_task_that_is_not_begun_can_be_cancelled_and_is_gone_when_deleted(
    client: Funland,
) -> None:
    task = client.tasks.submit_chat("Hello!", task={"start_time": timedelta(hours=1)})

    assert client.tasks.cancel(task.task_id).state == Task.CANCELLED
    with pytest.raises(TaskStoppedError, match="was cancelled"):
        client.tasks.wait(task.task_id)
    client.tasks.delete(task.task_id)
    with pytest.raises(TaskNotFoundError):
        client.tasks.get(task.task_id)


async def test_files_go_there_and_back(
    client: Funland, async_client: AsyncFunland, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 20_000
    kept = client.files.upload(content, name="a.bin", purpose="user_data")
    other = await async_client.files.upload(iter([content[:7], content[7:]]), name="b.bin")

    assert (kept.sha256, kept.size_bytes) == (other.sha256, len(content))
    assert client.files.download(kept.file_id, tmp_path).read_bytes() == content
    assert await async_client.files.read(other.file_id) == content
    for file in (kept, other):
        client.files.delete(file.file_id)
    with pytest.raises(KeptFileNotFoundError):
        client.files.get(kept.file_id)


def test_a_plugin_takes_and_gives_dictionaries(client: Funland) -> None:
    table = {"table": "city,people\nParis,2100000\nRome,2750000"}
    output = client.plugins.execute("describe_table", table, output_format="json").output

    assert [column["name"] for column in output["columns"]] == ["city", "people"]
    task = client.plugins.submit("describe_table", table, output_format="json")
    assert PluginOutput(client.tasks.wait(task.task_id).plugin).output == output


async def test_a_batch_is_answered_whatever_its_lines_ask(
    client: Funland, async_client: AsyncFunland
) -> None:
    hello = ChatRequest(messages=[Message(role=Message.USER, content="Hello!")])
    hello.sampling.temperature = 0
    batch = client.batches.create(
        [
            {"custom_id": "right", "body": hello},
            {"custom_id": "wrong", "body": {"model": "nope", "messages": []}},
        ],
        "/funland/v1/chat",
    )

    answers = {
        answer.custom_id: answer async for answer in async_client.batches.results(batch.batch_id)
    }

    right = answers["right"]
    assert right.succeeded
    assert right.body
    assert right.body["message"]["content"] == client.chat("Hello!", temperature=0).message.content
    assert not answers["wrong"].succeeded
    assert (await async_client.batches.wait(batch.batch_id)).failed_lines == 1
