"""Tasks from their submission to their end, by the calls of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland.v1.tasks_pb2 import Lane, Task
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call
from tests.server.tasks import calls


@pytest.fixture
async def server(place: Path | str, tmp_path: Path) -> AsyncIterator[Server]:
    """One with the test's kind of database."""
    settings = ServerSettings(
        home=tmp_path / "home", port=0, slots=2, max_context_length=256, language_tasks=2,
        database_url=None if isinstance(place, Path) else place,
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
    assert (waiting.state, waiting.lane, waiting.kind) == (Task.PENDING, Lane.LANGUAGE, Task.CHAT)
    assert [*dict.fromkeys(states)][-2:] == [Task.PROCESSING, Task.COMPLETED]
    assert task.result.chat.message == answer.message
    assert task.work == work
    assert (task.caller, dict(task.metadata), task.attempts) == ("me", {"a": "b"}, 1)
    assert task.create_time.ToMicroseconds() <= task.begin_time.ToMicroseconds()
    assert task.begin_time.ToMicroseconds() < task.end_time.ToMicroseconds()
    assert task.model == "funland-tiny"
