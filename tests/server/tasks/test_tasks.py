"""Tasks from their submission to their end, by the calls of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from pydantic import SecretStr

from funland.v1.batches_pb2 import Batch
from funland.v1.inference_pb2 import EmbedRequest, GenerateRequest, SamplingParameters
from funland.v1.tasks_pb2 import Lane, ListLanesRequest, Task, Work
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, details
from tests.server.tasks import calls


@pytest.fixture
async def server(place: Path | str, tmp_path: Path) -> AsyncIterator[Server]:
    """One with the test's kind of database."""
    settings = ServerSettings(
        home=tmp_path / "home", port=0, slots=2, max_context_length=256, language_tasks=2,
        database_url=None if isinstance(place, Path) else SecretStr(place),
    )  # fmt: skip
    server = Server(settings)
    await server.start()
    yield server
    await server.stop(0)


async def test_a_task_is_answered_as_its_call_would_be(server: Server) -> None:
    work = calls.chat()
    waiting = await calls.submit(server, work, caller="me", metadata={"a": "b"})

    states = [event.task.state async for event in calls.watch(server, waiting.task_id)]
    task = await calls.get(server, waiting.task_id)

    answer = await call(server, "Chat", work.chat)
    assert waiting.state in (Task.PENDING, Task.PROCESSING)  # as it was when it was answered
    assert (waiting.lane, waiting.kind) == (Lane.LANGUAGE, Task.CHAT)
    assert [*dict.fromkeys(states)][-2:] == [Task.PROCESSING, Task.COMPLETED]
    assert task.result.chat.message == answer.message
    assert task.work == work
    assert (task.caller, dict(task.metadata), task.attempts) == ("me", {"a": "b"}, 1)
    assert task.create_time.ToMicroseconds() <= task.begin_time.ToMicroseconds()
    assert task.begin_time.ToMicroseconds() < task.end_time.ToMicroseconds()
    assert task.model == "funland-tiny"


async def test_texts_and_vectors_are_tasks_too(server: Server) -> None:
    works = [
        Work(
            generate=GenerateRequest(
                prompt="Once", sampling=SamplingParameters(temperature=0, max_tokens=5)
            )
        ),
        Work(embed=EmbedRequest(inputs=["one", "two"])),
    ]
    tasks = [await calls.submit(server, work) for work in works]

    text, vectors = [await calls.ended(server, task.task_id) for task in tasks]

    assert (text.state, vectors.state) == (Task.COMPLETED, Task.COMPLETED)
    assert text.result.generate.text == (await call(server, "Generate", works[0].generate)).text
    answer = await call(server, "Embed", works[1].embed)
    assert vectors.result.embed.embeddings == answer.embeddings
    lanes = {
        lane.name: lane for lane in (await call(server, "ListLanes", ListLanesRequest())).lanes
    }
    assert (lanes[Lane.LANGUAGE].limit, lanes[Lane.LANGUAGE].waiting) == (2, 0)
    assert lanes[Lane.LANGUAGE].HasField("mean_duration")


async def test_what_the_call_refuses_is_refused_at_once(server: Server) -> None:
    refused: list[tuple[str, ...]] = []
    work = calls.chat()
    work.chat.model = "nobody's"
    empty = calls.chat()
    del empty.chat.messages[:]
    for one in (work, empty, Work(batch=Batch())):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await calls.submit(server, one)
        told = details(raised.value)
        fields = told["BadRequest"].field_violations if "BadRequest" in told else ()
        refused.append((told["ErrorInfo"].reason, *(each.field for each in fields)))

    assert refused == [
        ("MODEL_NOT_FOUND",),
        ("FIELD_INVALID", "work.chat.messages"),
        ("FIELD_INVALID", "work.batch"),
    ]
    assert not (await calls.listed(server)).tasks


async def test_a_long_answer_is_cancelled_and_deleted_amid_it(server: Server) -> None:
    task = await calls.submit(server, calls.chat(max_tokens=200, endless=True))
    percents: list[float] = []
    async for event in calls.watch(server, task.task_id):
        percents.append(event.task.progress_percent)
        if event.task.progress_percent > 0:
            break

    cancelled = await calls.cancel(server, task.task_id)
    await calls.delete(server, task.task_id)

    assert cancelled.state == Task.CANCELLED
    assert 0 < percents[-1] < 100
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.get(server, task.task_id)
    assert details(raised.value)["ErrorInfo"].reason == "TASK_NOT_FOUND"
