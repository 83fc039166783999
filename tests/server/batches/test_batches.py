"""Batches of the contract's own lines, by a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1.batches_pb2 import (
    Batch,
    CancelBatchRequest,
    CreateBatchRequest,
    GetBatchRequest,
    ListBatchesRequest,
    WatchBatchRequest,
)
from funland.v1.files_pb2 import DeleteFileRequest, DownloadFileRequest, UploadFileRequest
from funland.v1.inference_pb2 import EmbedRequest, GenerateRequest, SamplingParameters
from funland.v1.system_pb2 import GetMetricsRequest
from funland.v1.tasks_pb2 import (
    CancelTaskRequest,
    DeleteTaskRequest,
    RetryTaskRequest,
    Task,
    WatchTaskRequest,
)
from tests.server.conftest import METHODS, details

if TYPE_CHECKING:
    from tests.conftest import Stack

GENERATE, EMBED = "/funland/v1/generate", "/funland/v1/embed"
SECONDS = 120
"""After which something that should have happened is taken not to happen."""

ENDED = (Batch.COMPLETED, Batch.FAILED, Batch.EXPIRED, Batch.CANCELLED)
LONG: dict[str, Any] = {"sampling": {"max_tokens": 100, "temperature": 0, "ignore_end": True}}


def line(custom_id: str, url: str = GENERATE, **body: Any) -> dict[str, Any]:
    asked = {"prompt": f"{custom_id}, ", "sampling": {"max_tokens": 4, "temperature": 0}} | body
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": asked}


class Calls:
    """The calls of one server, over gRPC."""

    def __init__(self, channel: grpc.aio.Channel, stack: Stack) -> None:
        self._channel = channel
        self.stack = stack

    async def call(self, name: str, request: Message) -> Any:
        path, answer = self._method(name)
        say: Any = self._channel.unary_unary(path, serialized, answer.FromString)
        return await say(request, timeout=SECONDS)

    def streamed(self, name: str, request: Message) -> Any:
        path, answer = self._method(name)
        say: Any = self._channel.unary_stream(path, serialized, answer.FromString)
        return say(request, timeout=SECONDS)

    async def upload(self, *requests: UploadFileRequest) -> Any:
        path, answer = self._method("UploadFile")
        say: Any = self._channel.stream_unary(path, serialized, answer.FromString)
        return await say(iter(requests), timeout=SECONDS)

    def _method(self, name: str) -> tuple[str, type[Message]]:
        method = METHODS[name]
        path = f"/{method.containing_service.full_name}/{name}"
        return path, GetMessageClass(method.output_type)


def serialized(message: Message) -> bytes:
    return message.SerializeToString()


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[Calls]:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        yield Calls(channel, stack)


async def upload(server: Calls, lines: Sequence[dict[str, Any] | str]) -> str:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    content = "\n".join(texts).encode()
    kept = await server.upload(UploadFileRequest(name="lines.jsonl", purpose="batch", data=content))
    return kept.file_id


async def create(
    server: Calls, lines: Sequence[dict[str, Any] | str], endpoint: str = GENERATE, **rest: Any
) -> Batch:
    file_id = await upload(server, lines)
    request = CreateBatchRequest(input_file_id=file_id, endpoint=endpoint, **rest)
    return await server.call("CreateBatch", request)


async def watched(server: Calls, batch_id: str) -> list[Batch]:
    """All that is told of a batch, to its end."""
    request = WatchBatchRequest(batch_id=batch_id)
    return [batch async for batch in server.streamed("WatchBatch", request)]


async def ended(server: Calls, batch_id: str) -> Batch:
    return (await watched(server, batch_id))[-1]


async def in_progress(server: Calls, batch_id: str, lines: int = 1) -> None:
    """Waits until so many lines are answered."""
    request = WatchBatchRequest(batch_id=batch_id)
    async for batch in server.streamed("WatchBatch", request):
        assert batch.state not in ENDED
        if batch.completed_lines >= lines and batch.state == Batch.IN_PROGRESS:
            return


async def content(server: Calls, file_id: str) -> list[dict[str, Any]]:
    """The lines of a file."""
    request = DownloadFileRequest(file_id=file_id)
    parts = [part.data async for part in server.streamed("DownloadFile", request)]
    return [json.loads(each) for each in b"".join(parts).splitlines()]


async def get(server: Calls, batch_id: str) -> Batch:
    return await server.call("GetBatch", GetBatchRequest(batch_id=batch_id))


async def task_of(server: Calls, batch: Batch) -> Task:
    """Its task when that has ended, which it does after its batch."""
    request = WatchTaskRequest(task_id=batch.task_id)
    return [event.task async for event in server.streamed("WatchTask", request)][-1]


def reason(error: grpc.aio.AioRpcError) -> str:
    return details(error)["ErrorInfo"].reason


async def test_each_line_is_answered_as_its_call_would_be(server: Calls) -> None:
    created = await create(
        server, [line(f"n{n}") for n in range(40)], metadata={"run": "7"}, caller="me"
    )

    told = await watched(server, created.batch_id)

    batch = told[-1]
    assert created.state == Batch.VALIDATING
    assert (batch.state, batch.total_lines) == (Batch.COMPLETED, 40)
    assert (batch.completed_lines, batch.failed_lines, batch.error_file_id) == (40, 0, "")
    assert [each.completed_lines for each in told] == sorted(each.completed_lines for each in told)
    assert dict(batch.metadata) == {"run": "7"}
    answers = await content(server, batch.output_file_id)
    assert {each["custom_id"] for each in answers} == {f"n{n}" for n in range(40)}
    assert len({each["id"] for each in answers}) == len(answers) == 40
    assert all(each["error"] is None for each in answers)
    live = await server.call(
        "Generate",
        GenerateRequest(prompt="n7, ", sampling=SamplingParameters(max_tokens=4, temperature=0)),
    )
    seventh = next(each for each in answers if each["custom_id"] == "n7")["response"]
    assert seventh["status_code"] == 200
    assert seventh["body"]["text"] == live.text
    assert seventh["body"]["usage"]["completion_tokens"] == live.usage.completion_tokens
    usages = [each["response"]["body"]["usage"] for each in answers]
    assert batch.prompt_tokens == sum(each["prompt_tokens"] for each in usages)
    assert batch.completion_tokens == sum(each["completion_tokens"] for each in usages)
    assert batch.begin_time.ToNanoseconds() <= batch.finalize_time.ToNanoseconds()
    task = await task_of(server, batch)
    assert (task.state, task.caller, task.progress_percent) == (Task.COMPLETED, "me", 100)
    assert task.result.batch == batch
    assert sorted(task.file_ids) == [batch.output_file_id]


async def test_vectors_are_lines_too(server: Calls) -> None:
    lines = [line(str(n), EMBED, inputs=[f"text {n}"]) for n in range(3)]
    for each in lines:
        del each["body"]["prompt"], each["body"]["sampling"]

    batch = await ended(server, (await create(server, lines, EMBED)).batch_id)

    answers = {each["custom_id"]: each for each in await content(server, batch.output_file_id)}
    live = await server.call("Embed", EmbedRequest(inputs=["text 2"]))
    vector = answers["2"]["response"]["body"]["embeddings"][0]["values"]
    assert vector == pytest.approx(list(live.embeddings[0].values), abs=1e-4)


async def test_what_is_wrong_with_a_line_is_its_own_answer(server: Calls) -> None:
    lines = [
        line("good"),
        line("no-model", model="nobody"),
        line("no-field", nonsense=1),
        line("broken-rule", sampling={"temperature": -1}),
        line("too-long", prompt="word " * 5000),
    ]

    batch = await ended(server, (await create(server, lines)).batch_id)

    assert (batch.state, batch.completed_lines, batch.failed_lines) == (Batch.COMPLETED, 1, 4)
    [good] = await content(server, batch.output_file_id)
    assert good["custom_id"] == "good"
    errors = await content(server, batch.error_file_id)
    found = {
        each["custom_id"]: (
            each["response"]["status_code"],
            each["response"]["body"]["error"]["reason"],
        )
        for each in errors
    }
    assert found == {
        "no-model": (404, "MODEL_NOT_FOUND"),
        "no-field": (400, "FIELD_INVALID"),
        "broken-rule": (400, "FIELD_INVALID"),
        "too-long": (400, "PROMPT_TOO_LONG"),
    }


async def test_batches_and_their_lines_are_counted(server: Calls) -> None:
    before = await counts(server)

    lines = [line("good"), line("bad", model="nobody")]
    await ended(server, (await create(server, lines)).batch_id)
    await ended(server, (await create(server, ["{"])).batch_id)

    after = await counts(server)
    assert {name: after[name] - before.get(name, 0) for name in after} == {
        'funland_batch_lines_total{outcome="completed"}': 1,
        'funland_batch_lines_total{outcome="failed"}': 1,
        'funland_batches_ended_total{state="COMPLETED"}': 1,
        'funland_batches_ended_total{state="FAILED"}': 1,
        **{name: 0 for name in before if "EXPIRED" in name or "CANCELLED" in name},
    }


async def counts(server: Calls) -> dict[str, float]:
    """What the server has counted of batches."""
    told = (await server.call("GetMetrics", GetMetricsRequest())).data.decode()
    pairs = [each.rsplit(" ", 1) for each in told.splitlines() if "batch" in each]
    return {name: float(value) for name, value in pairs if "_total{" in name}


async def test_a_file_with_broken_lines_fails_before_anything_is_answered(
    server: Calls,
) -> None:
    lines = [line("a"), "{", line("a"), line("b", url=EMBED)]

    created = await create(server, lines)
    batch = await ended(server, created.batch_id)

    assert batch.state == Batch.FAILED
    assert [(each.code, each.line) for each in batch.errors] == [
        ("invalid_json_line", 2),
        ("duplicate_custom_id", 3),
        ("url_mismatch", 4),
    ]
    assert not batch.output_file_id
    assert not batch.error_file_id
    task = await task_of(server, batch)
    assert task.state == Task.FAILED
    assert "line 2" in task.error.message


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (CreateBatchRequest(input_file_id="file-nobody", endpoint=GENERATE), "FILE_NOT_FOUND"),
        (CreateBatchRequest(input_file_id="f", endpoint="/v1/nothing"), "FIELD_INVALID"),
    ],
)
async def test_what_can_not_be_a_batch_is_refused(
    server: Calls, request_: CreateBatchRequest, expected: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await server.call("CreateBatch", request_)

    assert reason(raised.value) == expected
    if request_.endpoint != GENERATE:
        assert (
            "/v1/nothing' is none that lines can have at this server; it has /funland/v1/"
            in str(raised.value.details())
        )


async def test_a_batch_that_nobody_knows_is_not_found(server: Calls) -> None:
    for name, request in (
        ("GetBatch", GetBatchRequest(batch_id="batch_0")),
        ("CancelBatch", CancelBatchRequest(batch_id="batch\x000")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await server.call(name, request)
        assert reason(raised.value) == "BATCH_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ended(server, "batch_0")
    assert reason(raised.value) == "BATCH_NOT_FOUND"


async def test_a_cancelled_batch_keeps_what_is_answered_and_one_that_waits_has_nothing(
    server: Calls,
) -> None:
    running = await create(server, [line(f"n{n}", **LONG) for n in range(2000)])
    waiting = await create(server, [line("never")])
    await in_progress(server, running.batch_id)

    cancelled = [
        await server.call("CancelBatch", CancelBatchRequest(batch_id=each.batch_id))
        for each in (waiting, running)
    ]

    never, some = [await ended(server, each.batch_id) for each in (waiting, running)]
    assert all(each.state in (Batch.CANCELLING, Batch.CANCELLED) for each in cancelled)
    assert never.state == some.state == Batch.CANCELLED
    assert (never.total_lines, never.output_file_id) == (0, "")
    assert 1 <= some.completed_lines < 2000
    assert len(await content(server, some.output_file_id)) == some.completed_lines
    assert not some.error_file_id
    assert (await task_of(server, some)).state == Task.CANCELLED
    again = await server.call("CancelBatch", CancelBatchRequest(batch_id=some.batch_id))
    assert again == some


async def test_to_cancel_a_batch_often_at_once_ends_it_once(server: Calls) -> None:
    running = await create(server, [line(f"n{n}", **LONG) for n in range(2000)])
    await in_progress(server, running.batch_id)
    request = CancelBatchRequest(batch_id=running.batch_id)

    await asyncio.gather(*(server.call("CancelBatch", request) for _ in range(20)))

    cancelled = await ended(server, running.batch_id)
    assert cancelled.completed_lines >= 1
    assert len(await content(server, cancelled.output_file_id)) == cancelled.completed_lines


async def test_to_cancel_its_task_is_to_cancel_the_batch_and_to_retry_it_begins_anew(
    server: Calls,
) -> None:
    batch = await create(server, [line(f"n{n}", **LONG) for n in range(2000)])
    await in_progress(server, batch.batch_id)

    await server.call("CancelTask", CancelTaskRequest(task_id=batch.task_id))
    cancelled = await ended(server, batch.batch_id)
    await server.call("RetryTask", RetryTaskRequest(task_id=batch.task_id))
    await in_progress_again(server, batch.batch_id)

    assert cancelled.state == Batch.CANCELLED
    assert cancelled.HasField("cancel_time")
    await server.call("CancelBatch", CancelBatchRequest(batch_id=batch.batch_id))
    assert (await ended(server, batch.batch_id)).state == Batch.CANCELLED


async def get_for_ever(server: Calls, batch_id: str) -> None:
    while True:
        await get(server, batch_id)


async def in_progress_again(server: Calls, batch_id: str) -> None:
    while (await get(server, batch_id)).state in ENDED:
        pass
    await in_progress(server, batch_id)


async def test_a_deleted_task_takes_its_batch_and_its_files_along(
    server: Calls,
) -> None:
    done = await ended(server, (await create(server, [line("a")])).batch_id)

    await server.call("DeleteTask", DeleteTaskRequest(task_id=done.task_id))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await get_for_ever(server, done.batch_id)
    assert reason(raised.value) == "BATCH_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await content(server, done.output_file_id)
    assert reason(raised.value) == "FILE_NOT_FOUND"
    assert not (server.stack.home / "batches" / done.batch_id).exists()


async def test_what_its_time_does_not_suffice_for_is_an_error(server: Calls) -> None:
    lines = [line(f"n{n}", **LONG) for n in range(2000)]

    batch = await ended(server, (await create(server, lines, window_seconds=1)).batch_id)

    assert batch.state == Batch.EXPIRED
    assert batch.completed_lines + batch.failed_lines == batch.total_lines == 2000
    late = await content(server, batch.error_file_id)
    assert {each["error"]["code"] for each in late} == {"batch_expired"}
    done = await content(server, batch.output_file_id) if batch.output_file_id else []
    assert len({each["custom_id"] for each in (*late, *done)}) == 2000
    assert batch.expire_time.ToDatetime() - batch.create_time.ToDatetime() == timedelta(seconds=1)


async def test_its_file_may_be_deleted_while_it_is_answered(server: Calls) -> None:
    batch = await create(server, [line(f"n{n}") for n in range(300)])

    await server.call("DeleteFile", DeleteFileRequest(file_id=batch.input_file_id))

    assert (await ended(server, batch.batch_id)).completed_lines == 300


async def test_pages_of_batches_are_the_newest_first(server: Calls) -> None:
    file_id = await upload(server, [line("a")])
    request = CreateBatchRequest(input_file_id=file_id, endpoint=GENERATE)
    created = [await server.call("CreateBatch", request) for _ in range(5)]
    ids = [each.batch_id for each in reversed(created)]

    first = await server.call("ListBatches", ListBatchesRequest(page_size=2))
    later = ListBatchesRequest(page_size=9, page_token=first.next_page_token)
    second = await server.call("ListBatches", later)

    assert [each.batch_id for each in first.batches] == ids[:2]
    assert [each.batch_id for each in second.batches][:3] == ids[2:]
    assert first.total_size >= 5
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await server.call("ListBatches", ListBatchesRequest(page_token="batch_0"))  # noqa: S106 - an id
    assert reason(raised.value) == "FIELD_INVALID"
    for each in created:
        await ended(server, each.batch_id)
