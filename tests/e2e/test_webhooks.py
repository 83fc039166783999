"""A server that is killed tells all ends of tasks after its next start, each end by one name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from funland.v1.tasks_pb2 import Task, Webhook
from funland_client import AsyncFunland
from tests.server.tasks.webhooks.receiver import SECRET, receiving

if TYPE_CHECKING:
    from tests.conftest import StartStack

TASKS = 8


async def test_no_end_is_lost(start_stack: StartStack, tmp_path: Path) -> None:
    environment = {
        "FUNLAND_SERVER__ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        "FUNLAND_SERVER__WEBHOOK_SECRET": SECRET,
        "FUNLAND_SERVER__LANGUAGE_TASKS": "1",
    }
    stack = start_stack(**environment)
    async with receiving() as receiver:
        async with AsyncFunland(stack.grpc_address) as client:
            webhook = Webhook(url=receiver.url)
            tasks = [
                await client.tasks.submit_chat(
                    "Hello!", max_tokens=32, ignore_end=True, task={"webhook": webhook}
                )
                for _ in range(TASKS)
            ]
            await receiver.have(1)
            stack.process.kill()
            stack.process.wait()
        told_before = len(receiver.told)

        again = start_stack(home=stack.home, **environment)
        async with AsyncFunland(again.grpc_address) as client:
            ended = [await client.tasks.wait(task.task_id) for task in tasks]
            await receiver.all_of({task.task_id for task in tasks}, seconds=60)

    names = Counter(told.message_id for told in receiver.told)
    assert told_before < TASKS
    assert len(ended) == len(names) == TASKS
    assert {told.said["data"]["state"] for told in receiver.told} == {
        Task.State.Name(Task.COMPLETED)
    }
    assert SECRET not in again.log()
    assert "hidden" not in again.log()
