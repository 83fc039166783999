"""A store, and servers on it that run tasks of the tests' own kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from funland.v1.inference_pb2 import ChatRequest, ChatResponse, Message
from funland.v1.tasks_pb2 import Lane, SubmitTaskRequest, Task, TaskResult, Work
from funland_server.changes import Changes
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.storage.database import Database
from funland_server.tasks.clock import Clock
from funland_server.tasks.kinds import Checked, Kind, Running
from funland_server.tasks.membership import Membership
from funland_server.tasks.pace import Pace
from funland_server.tasks.queue import Queue, TaskFiles
from funland_server.tasks.runner import Runner
from funland_server.tasks.store import Limits, TaskStore

Does = Callable[[Running], Awaitable[str]]


@dataclass
class Hands:
    """A clock that a test sets forward. Both hands go together."""

    seconds: float = 1_000_000.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: round(self.seconds * 1e9), lambda: self.seconds)


class Echo:
    """A kind that answers what the test's function gives; it remembers which tasks it ran."""

    kind = Task.CHAT
    lane = Lane.LANGUAGE

    def __init__(self, does: Does, *, resumes: bool = False) -> None:
        self._does = does
        self.resumes = resumes
        self.ran: list[str] = []

    async def check(self, work: Work) -> Checked:
        return Checked(model="m", here=work.chat.model == "here")

    async def run(self, running: Running) -> TaskResult:
        self.ran.append(running.work.chat.messages[0].content)
        text = await self._does(running)
        return TaskResult(chat=ChatResponse(message=Message(content=text)))


async def says_it(running: Running) -> str:
    """What the task asks."""
    return running.work.chat.messages[0].content


@dataclass
class Host:
    """One server's part of the queue."""

    store: TaskStore
    membership: Membership
    runner: Runner
    queue: Queue
    changes: Changes
    kinds: dict[int, Kind]
    tasks: list[str] = field(default_factory=list[str])

    async def keep(self, text: str) -> str:
        """Submits a task, and gives its id alone."""
        message = Message(role=Message.USER, content=text)
        return await self.queue.keep(
            SubmitTaskRequest(work=Work(chat=ChatRequest(messages=[message])), caller=text)
        )

    async def beat(self) -> None:
        """Says that it lives, and looks who does not."""

        def taken(ids: list[str]) -> None:
            self.runner.look()

        await self.membership.beat(self.runner.lose, taken)

    async def submit(self, text: str, **fields: Any) -> Task:
        model = fields.pop("model", "")
        message = Message(role=Message.USER, content=text)
        work = Work(chat=ChatRequest(model=model, messages=[message]))
        return await self.queue.submit(SubmitTaskRequest(work=work, **fields))

    async def until(self, task_id: str, state: Task.State.ValueType) -> Task:
        """A task when it has a state."""
        async with asyncio.timeout(120):
            async for event in self.queue.watch(task_id):
                if event.task.state == state:
                    return await self.queue.get(task_id)
        raise AssertionError("It ended otherwise.")

    async def waiting_again(self, task_id: str, attempts: int) -> Task:
        """A task that waits after so many tries."""
        async with asyncio.timeout(120):
            async for event in self.queue.watch(task_id):
                if (event.task.state, event.task.attempts) == (Task.PENDING, attempts):
                    return event.task
        raise AssertionError("It ended.")

    async def look(self) -> None:
        """Does what is due by the clock."""
        self.runner.look()
        for _ in range(3):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        self.changes.close()
        await self.runner.stop()
        await self.store.settled()
        await self.membership.stop()


StartHost = Callable[..., Awaitable[Host]]


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    if isinstance(place, Path):
        place.parent.mkdir(parents=True)
    database = Database(place)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def start_host(database: Database) -> AsyncIterator[StartHost]:
    """Starts a host: `await start_host(kind, home="a", places=2)`."""
    async with AsyncExitStack() as stack:

        async def start(
            kind: Kind | None,
            *,
            home: str = "home",
            places: int = 1,
            capacity: int = 1000,
            hands: Hands | None = None,
            lease: float = 30.0,
            alive: Hands | None = None,
            files: TaskFiles | None = None,
        ) -> Host:
            clock = Clock() if hands is None else hands.clock
            pace = Pace(seconds=0.05, progress_seconds=0.01, aside_seconds=0.2)
            limits = Live(Limits(capacity, 60.0))
            store = TaskStore(database, limits, clock)
            membership = Membership(
                store, home, Live(lease), Clock() if alive is None else alive.clock
            )
            kinds: dict[int, Kind] = {} if kind is None else {kind.kind: kind}
            changes = Changes()
            runner = Runner(
                store, membership, lambda _: places, kinds=kinds, clock=clock, metrics=Metrics(),
                publish=changes.publish, pace=pace, accounts=False, count=lambda _: lambda _: None,
            )  # fmt: skip
            queue = Queue(
                store, runner, changes, home_id=home, files=files, limits=limits,
                places=lambda _: places, clock=clock, seconds=pace.seconds,
                check_webhook=lambda _: None,
            )  # fmt: skip
            host = Host(store, membership, runner, queue, changes, kinds)
            await membership.enter(kinds)
            runner.start()
            stack.push_async_callback(host.stop)
            return host

        yield start
