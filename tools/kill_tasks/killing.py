"""Kills a whole server while it runs tasks, and looks what became of each."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc.aio

from funland.v1.tasks_pb2 import (
    GetTaskRequest,
    ListTasksRequest,
    SubmitTaskRequest,
    Task,
    Webhook,
)
from funland.v1.tasks_pb2_grpc import TaskServiceStub
from tests.server.tasks.webhooks.receiver import SECRET, Receiver, receiving
from tools.exchanges.stage import install_painter
from tools.kill_tasks.batches import Batches
from tools.kill_tasks.works import essence, made_files, work

_SECONDS: Final = 120
_LONGEST: Final = 2.0
"""Seconds that a server works before it is killed, at most."""
_ENDED: Final = (Task.COMPLETED, Task.FAILED, Task.CANCELLED)


@dataclass(frozen=True, slots=True)
class Cost:
    """What came of it."""

    kills: int
    attempts: int
    """How often tasks were begun, all together."""
    wrong: tuple[str, ...]
    """What is not as it should be, in words."""


class Run:
    """A number of tasks on one home."""

    def __init__(
        self, home: Path, count: int, database_url: str, receiver: Receiver, *, plugins: bool
    ) -> None:
        """Of each three tasks one is told to `receiver`; there is a batch for each forty."""
        self._home = home
        self._count = count
        self._url = database_url
        self._plugins = plugins
        self._receiver = receiver
        self._batches = Batches(count // 40 + 1)
        self._ends: dict[str, int] = {}
        """When each task ended, as it was first told."""
        self.wrong: list[str] = []

    async def undisturbed(self) -> dict[object, object]:
        """What comes of the tasks where nothing happens, by their numbers, and of batches' lines by
        their names."""
        async with _Serving(self._home, self._url) as channel:
            await self._submit(channel)
            return await self._results(channel)

    async def tormented(self, kills: int, seed: int) -> tuple[dict[object, object], int]:
        """The same where the server is killed so often at random moments; and how often tasks were
        begun."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        for _ in range(kills):
            async with _Serving(self._home, self._url) as channel:
                await self._submit(channel)
                await self._look(TaskServiceStub(channel))
                await asyncio.sleep(chance.uniform(0, _LONGEST))  # at any moment
        async with _Serving(self._home, self._url) as channel:
            await self._submit(channel)
            results = await self._results(channel)
            tasks = await self._look(TaskServiceStub(channel))
            own = [task for task in tasks if task.kind != Task.BATCH]
            if len(own) != self._count:
                self.wrong.append(f"there are {len(own)} tasks, not {self._count}")
            return results, sum(task.attempts for task in tasks)

    async def _submit(self, channel: grpc.aio.Channel) -> None:
        """Once each, however often it is asked for."""
        stub: Any = TaskServiceStub(channel)
        for number in range(self._count):
            webhook = Webhook(url=self._receiver.url, secret=SECRET) if number % 3 == 0 else None
            await stub.SubmitTask(
                SubmitTaskRequest(
                    work=work(number, plugins=self._plugins),
                    idempotency_key=str(number),
                    max_attempts=3,
                    webhook=webhook,
                )
            )
        await self._batches.submit(channel)

    async def _look(self, stub: Any) -> list[Task]:
        """All tasks; one that has ended must stay as it was."""
        page = await stub.ListTasks(ListTasksRequest(page_size=1000))
        for task in page.tasks:
            if task.state in _ENDED:
                end = task.end_time.ToMicroseconds()
                if self._ends.setdefault(task.task_id, end) != end:
                    self.wrong.append(f"{task.task_id} ended twice")
            elif task.task_id in self._ends:
                self.wrong.append(f"{task.task_id} had ended, and runs again")
        return list(page.tasks)

    async def _results(self, channel: grpc.aio.Channel) -> dict[object, object]:
        """What came of all tasks, when all have ended."""
        stub: Any = TaskServiceStub(channel)
        async with asyncio.timeout(10 * _SECONDS):
            while any(task.state not in _ENDED for task in await self._look(stub)):  # noqa: ASYNC110 - now and then
                await asyncio.sleep(0.2)
        results: dict[object, object] = {}
        to_be_told: set[str] = set()
        for told in await self._look(stub):
            if told.kind == Task.BATCH:
                continue
            task = await stub.GetTask(GetTaskRequest(task_id=told.task_id))
            number = int(task.idempotency_key)
            if task.state != Task.COMPLETED:
                self.wrong.append(f"task {number} is {Task.State.Name(task.state)}: {task.error}")
            results[number] = essence(task.result)
            if sorted(task.file_ids) != sorted(made_files(task.result)):
                self.wrong.append(f"task {number} has other files than its result")
            if task.HasField("webhook"):
                to_be_told.add(task.task_id)
        await self._hear(to_be_told)
        results |= await self._batches.results(channel)
        self.wrong += self._batches.wrong
        return results

    async def _hear(self, task_ids: set[str]) -> None:
        """Sees that the receiver is told of each end under one name, in the same words."""
        await self._receiver.all_of(task_ids, _SECONDS)
        said: defaultdict[str, set[tuple[str, bytes]]] = defaultdict(set)
        for told in self._receiver.told:
            said[told.said["data"]["task_id"]].add((told.message_id, told.body))
        self.wrong += [f"{one} was told as several ends" for one in said if len(said[one]) > 1]
        self.wrong += [f"{one} was told unasked" for one in said.keys() - task_ids]


async def torment(
    folder: Path, kills: int, count: int, seed: int, *, database_url: str = "", plugins: bool = True
) -> Cost:
    """Holds tasks of a server that is killed against those of one that is not."""
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(receiving()) for _ in range(2)]
        for name in ("calm", "wild"):
            install_painter(folder / name)
        calm = Run(folder / "calm", count, "", receivers[0], plugins=plugins)
        expected = await calm.undisturbed()
        wild = Run(folder / "wild", count, database_url, receivers[1], plugins=plugins)
        found, attempts = await wild.tormented(kills, seed)
    differ = [number for number in expected if found.get(number) != expected[number]]
    told = [f"the results of {differ} are not those of an undisturbed run"] if differ else []
    return Cost(kills, attempts, (*calm.wrong, *wild.wrong, *told))


class _Serving:
    """A server that is ready, until it is killed at the end of the block."""

    def __init__(self, home: Path, database_url: str) -> None:
        self._home = home
        self._url = database_url

    async def __aenter__(self) -> grpc.aio.Channel:
        await asyncio.to_thread(self._home.mkdir, parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "FUNLAND_SERVER__MAX_CONTEXT_LENGTH": "1024",
            "FUNLAND_SERVER__ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        }
        if self._url:
            environment["FUNLAND_DATABASE_URL"] = self._url
        with (self._home / "server.log").open("a") as log:
            self._server = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("funland")), "serve", "--json",
                "--grpc-port", "0", "--http-port", "0", "--home", str(self._home),
                stdout=asyncio.subprocess.PIPE, stderr=log, env=environment,
            )  # fmt: skip
        assert self._server.stdout is not None  # noqa: S101 - for the type
        line = await asyncio.wait_for(self._server.stdout.readline(), _SECONDS)
        self._channel = grpc.aio.insecure_channel(json.loads(line)["grpc"])
        return self._channel

    async def __aexit__(self, *error: object) -> None:
        self._server.kill()
        await self._server.wait()
        await self._channel.close()
