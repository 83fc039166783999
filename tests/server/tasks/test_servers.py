"""Servers that share a database share its tasks: each runs once, and none is lost with a server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.tasks_pb2 import Task, WatchTasksRequest, Work
from funland_server.models.errors import ModelNotFoundError
from funland_server.tasks.kinds import Checked, NotHereError, Running
from tests.postgresql import Cluster
from tests.server.conftest import until
from tests.server.tasks.conftest import Echo, Hands, Host, StartHost, says_it
from tests.server.tasks.test_queue import Gate


@pytest.fixture
def place(postgresql: Cluster) -> Iterator[Path | str]:
    """Only this one may be shared."""
    with postgresql.migrated() as url:
        yield url


async def test_two_servers_run_each_of_300_tasks_once_and_both_some(start_host: StartHost) -> None:
    kinds = [Echo(says_it), Echo(says_it)]
    hosts = [
        await start_host(kind, home=home, places=4) for kind, home in zip(kinds, "ab", strict=True)
    ]

    await asyncio.gather(*(hosts[n % 2].keep(str(n)) for n in range(300)))
    await until(lambda: sum(len(kind.ran) for kind in kinds) >= 300)
    await until(lambda: not any(host.runner.running for host in hosts))

    ran = Counter(kinds[0].ran + kinds[1].ran)
    assert ran == Counter(str(n) for n in range(300))
    assert min(len(kind.ran) for kind in kinds) > 30


async def test_what_a_dead_server_had_runs_on_another_and_its_own_end_is_not_written(
    start_host: StartHost,
) -> None:
    gates = [Gate(), Gate()]
    alive = Hands()
    dead = await start_host(Echo(gates[0]), home="a", lease=9, alive=Hands())
    task = await dead.submit("x")
    await gates[0].begun.wait()
    other = await start_host(Echo(gates[1]), home="b", lease=9, alive=alive)
    await other.beat()
    alive.seconds += 8
    await other.beat()
    early = gates[1].begun.is_set()
    alive.seconds += 8
    await other.beat()
    await gates[1].begun.wait()

    gates[0].open.set()  # the one that was taken for dead comes to its end all the same
    await until(lambda: not dead.runner.running)
    between = await other.queue.get(task.task_id)
    gates[1].open.set()
    done = await other.until(task.task_id, Task.COMPLETED)

    assert not early
    assert (between.state, between.attempts) == (Task.PROCESSING, 2)
    assert (done.attempts, done.result.chat.message.content) == (2, "x")


async def test_a_server_that_could_not_say_that_it_lives_stops_its_tasks(
    start_host: StartHost,
) -> None:
    gate = Gate()
    alive = Hands()
    host = await start_host(Echo(gate), lease=9, alive=alive)
    task = await host.submit("x")
    await gate.begun.wait()
    before = host.membership.server_id

    alive.seconds += 10
    lives = host.membership.lives
    gate.open.set()
    await host.beat()
    done = await host.until(task.task_id, Task.COMPLETED)

    assert not lives
    assert host.membership.server_id != before
    assert done.attempts == 2


async def test_the_next_start_of_a_home_takes_back_what_it_had_at_once(
    start_host: StartHost,
) -> None:
    gate = Gate()
    first = await start_host(Echo(gate), home="a")
    task = await first.submit("x")
    await gate.begun.wait()

    second = await start_host(Echo(says_it), home="a")
    done = await second.until(task.task_id, Task.COMPLETED)

    assert done.attempts == 2


async def test_a_task_goes_to_the_server_that_can_do_it(start_host: StartHost) -> None:
    async def lacks_it(running: Running) -> str:
        raise NotHereError from ModelNotFoundError("m")

    poor = Echo(lacks_it)
    first = await start_host(poor, home="a")
    alone = await first.submit("alone")
    failed = await first.until(alone.task_id, Task.FAILED)
    rich = Echo(says_it)
    second = await start_host(rich, home="b")
    await first.beat()  # sees the other
    tasks = [await first.submit(str(n)) for n in range(3)]
    done = [await second.until(task.task_id, Task.COMPLETED) for task in tasks]

    assert failed.error.reason == ErrorReason.MODEL_NOT_FOUND
    assert {task.max_attempts for task in done} == {3}
    assert sorted(rich.ran) == ["0", "1", "2"]


async def test_what_no_server_can_do_fails_and_says_why(start_host: StartHost) -> None:
    async def lacks_it(running: Running) -> str:
        raise NotHereError from ModelNotFoundError("m")

    hosts = [await start_host(Echo(lacks_it), home=home) for home in "ab"]
    for host in hosts:
        await host.beat()  # sees the other

    task = await hosts[0].submit("x")
    failed = await hosts[1].until(task.task_id, Task.FAILED)

    assert failed.error.reason == ErrorReason.MODEL_NOT_FOUND


async def test_a_server_that_has_just_come_knows_of_the_others(start_host: StartHost) -> None:
    async def lacks_it(running: Running) -> str:
        raise NotHereError from ModelNotFoundError("m")

    rich = await start_host(Echo(says_it), home="a", places=0)
    task = await rich.submit("x")
    poor = Echo(lacks_it)
    await start_host(poor, home="b")
    await until(lambda: len(poor.ran) > 1)  # again and again, and it does not fail

    assert (await rich.queue.get(task.task_id)).state != Task.FAILED


class Near(Echo):
    """A server that has not every model."""

    async def check(self, work: Work) -> Checked:
        return Checked(model=work.chat.model)


async def test_tasks_that_a_server_lacks_the_model_for_are_not_in_the_way(
    start_host: StartHost,
) -> None:
    async def lacks_it(running: Running) -> str:
        if running.model == "far":
            raise NotHereError(model=True) from ModelNotFoundError("far")
        return "done"

    near = Near(lacks_it)
    host = await start_host(near, home="a")
    await start_host(Near(says_it), home="b", places=0)
    await host.beat()
    await asyncio.gather(*(host.submit("far", model="far", caller="a") for _ in range(300)))
    last = await host.submit("near", model="near", caller="a")

    await host.until(last.task_id, Task.COMPLETED)

    assert near.ran.count("far") < 150


async def test_a_task_of_a_home_runs_nowhere_else(start_host: StartHost) -> None:
    here, there = Echo(says_it), Echo(says_it)
    first = await start_host(here, home="a")
    await start_host(there, home="b", places=9)

    tasks = [await first.submit(str(n), model="here") for n in range(5)]
    for task in tasks:
        await first.until(task.task_id, Task.COMPLETED)

    assert (len(here.ran), there.ran) == (5, [])


async def test_what_another_server_does_is_seen_and_can_be_ended(start_host: StartHost) -> None:
    gate = Gate()
    runs = await start_host(Echo(gate), home="a")
    asks = await start_host(None, home="b")
    task = await asks.submit("x")
    await gate.begun.wait()

    async with asyncio.timeout(120):
        events = asks.queue.watch_all(WatchTasksRequest())
        first = await anext(events)
        cancelled = await asks.queue.cancel(task.task_id)
        last = await anext(events)
        while last.task.state != Task.CANCELLED:
            last = await anext(events)
        await events.aclose()

    assert first.task.task_id == task.task_id
    assert cancelled.state == Task.CANCELLED
    await until(lambda: not runs.runner.running)


async def test_a_stopping_server_leaves_its_tasks_to_others(start_host: StartHost) -> None:
    gate = Gate()
    first = await start_host(Echo(gate), home="a")
    task = await first.submit("x")
    await gate.begun.wait()

    await stop(first)
    waiting = await first.queue.get(task.task_id)
    second = await start_host(Echo(says_it), home="b")
    done = await second.until(task.task_id, Task.COMPLETED)

    assert (waiting.state, waiting.HasField("error")) == (Task.PENDING, False)
    assert done.attempts == 2


async def test_a_stopping_server_does_not_wait_for_what_can_go_on_elsewhere(
    start_host: StartHost,
) -> None:
    gate = Gate()
    host = await start_host(Echo(gate, resumes=True), home="a")
    task = await host.submit("x")
    await gate.begun.wait()

    async with asyncio.timeout(120):
        await host.runner.drain(3600)
    waiting = await host.queue.get(task.task_id)

    assert waiting.state == Task.PENDING


async def stop(host: Host) -> None:
    await host.runner.drain(0)
    await host.membership.stop()
