"""Tasks over the whole service, whatever end the server has meanwhile."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from funland.v1.tasks_pb2 import Task
from funland_client import Funland

if TYPE_CHECKING:
    from tests.conftest import StartStack

_TASKS, _KILLS = 10, 3


def test_ten_tasks_end_once_each_though_the_server_is_killed_three_times(
    start_stack: StartStack,
) -> None:
    stack = start_stack(FUNLAND_SERVER__LANGUAGE_TASKS="2", FUNLAND_SERVER__SLOTS="2")
    with Funland(stack.grpc_address) as client:
        ids = [submit(client, number) for number in range(_TASKS)]
    for _ in range(_KILLS):
        with Funland(stack.grpc_address) as client:
            while not any(task.progress_percent > 0 for task in running(client)):
                pass
        os.kill(stack.pid, signal.SIGKILL)
        stack.process.wait()
        stack = start_stack(home=stack.home, FUNLAND_SERVER__LANGUAGE_TASKS="2")

    with Funland(stack.grpc_address) as client:
        again = submit(client, 0)
        answers = [client.tasks.wait(task_id).chat.message.content for task_id in ids]
        tasks = client.tasks.list()
        undisturbed = client.chat(text(3), temperature=0, max_tokens=100, ignore_end=True)

    assert again == ids[0]
    assert sorted(task.task_id for task in tasks) == sorted(ids)
    assert {task.state for task in tasks} == {Task.COMPLETED}
    assert max(task.attempts for task in tasks) >= 2
    assert answers[3] == undisturbed.message.content


def submit(client: Funland, number: int) -> str:
    task = client.tasks.submit_chat(
        text(number), temperature=0, max_tokens=100, ignore_end=True,
        task={"idempotency_key": str(number)},
    )  # fmt: skip
    return task.task_id


def running(client: Funland) -> list[Task]:
    return client.tasks.list(states=["processing"])


def text(number: int) -> str:
    return f"Tell me the story number {number}."
