"""The queue's promises, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.tasks_pb2 import ListTasksRequest, Task, TaskResult
from funland_server.errors import FieldInvalidError, FunlandError, UnavailableError
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.tasks import claiming, submitting
from funland_server.tasks.claiming import Claimant
from funland_server.tasks.errors import (
    IdempotencyKeyReusedError,
    LaneFullError,
    TaskNotFoundError,
    TaskNotRetryableError,
)
from funland_server.tasks.kinds import Running
from funland_server.tasks.tables import task_results, task_webhooks, task_works, tasks
from tests.server.conftest import until
from tests.server.storage.plans import plan
from tests.server.tasks.conftest import Echo, Hands, StartHost, says_it


class Gate:
    """Lets tasks begin, and go on when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, running: Running) -> str:
        self.begun.set()
        await self.open.wait()
        return await says_it(running)


async def test_callers_take_turns_and_priority_goes_first(start_host: StartHost) -> None:
    gate = Gate()
    echo = Echo(gate)
    host = await start_host(echo)
    await host.submit("first")
    await gate.begun.wait()
    for text in ("a1", "a2", "a3"):
        await host.submit(text, caller="a")
    for text in ("b1", "b2"):
        await host.submit(text, caller="b")
    await host.submit("c1", caller="c")
    await host.submit("urgent", caller="a", priority=1)
    last = await host.submit("late", caller="a", priority=-1)

    gate.open.set()
    await host.until(last.task_id, Task.COMPLETED)

    assert echo.ran == ["first", "urgent", "a1", "b1", "c1", "a2", "b2", "a3", "late"]


async def test_none_begins_before_it_was_there(start_host: StartHost) -> None:
    hands, gate = Hands(), Gate()
    host = await start_host(Echo(gate), hands=hands)
    await host.submit("runs")
    await gate.begun.wait()
    task = await host.submit("comes after the time was looked at")
    hands.seconds -= 1

    gate.open.set()
    begun = await host.until(task.task_id, Task.COMPLETED)

    assert begun.begin_time == begun.create_time


async def test_a_position_is_how_many_go_before(start_host: StartHost) -> None:
    gate = Gate()
    host = await start_host(Echo(gate))
    await host.submit("runs")
    await gate.begun.wait()
    one = await host.submit("one", caller="a")
    two = await host.submit("two", caller="a")
    first = await host.submit("first", priority=5)

    positions = [(await host.queue.get(task.task_id)).position for task in (one, two, first)]

    assert positions == [1, 2, 0]
    assert not one.HasField("estimated_start_time")  # nobody knows yet what a task takes


@pytest.mark.parametrize("text", ["x", 5000 * "x"])  # a long one is kept elsewhere
async def test_a_key_names_one_task_of_its_caller(start_host: StartHost, text: str) -> None:
    host = await start_host(None)

    first, same = await asyncio.gather(
        *(host.submit(text, caller="a", idempotency_key="k") for _ in range(2))
    )
    again = await host.submit(text, caller="a", idempotency_key="k", priority=3)
    others = await host.submit(text, caller="b", idempotency_key="k")
    with pytest.raises(IdempotencyKeyReusedError):
        await host.submit("y", caller="a", idempotency_key="k")

    assert first.task_id == same.task_id == again.task_id != others.task_id
    assert (await host.queue.page(ListTasksRequest()))[2] == 2


async def test_a_full_lane_refuses_and_says_when_to_try_again(start_host: StartHost) -> None:
    host = await start_host(None, capacity=2)

    came = await asyncio.gather(*(host.submit(str(n)) for n in range(3)), return_exceptions=True)

    refused = [one for one in came if isinstance(one, LaneFullError)]
    assert len(refused) == 1
    assert refused[0].retry_seconds


async def test_what_may_pass_is_tried_again_after_a_pause(start_host: StartHost) -> None:
    hands = Hands()

    async def fails_twice(running: Running) -> str:
        if running.attempt < 3:
            error = UnavailableError("Not now.")
            error.reason = ErrorReason.WORKER_LOST  # type: ignore[misc]
            raise error
        return "done"

    host = await start_host(Echo(fails_twice), hands=hands)
    task = await host.submit("x")
    tries: list[Task] = []
    for seconds in (2, 4):
        tries.append(await host.waiting_again(task.task_id, len(tries) + 1))
        hands.seconds += seconds - 0.1
        await host.look()
        assert (await host.queue.get(task.task_id)).state == Task.PENDING
        hands.seconds += 0.2
        await host.look()

    done = await host.until(task.task_id, Task.COMPLETED)

    assert [one.error.reason for one in tries] == [ErrorReason.WORKER_LOST] * 2
    assert (done.attempts, done.HasField("error")) == (3, False)
    assert done.result.chat.message.content == "done"


async def test_a_defect_fails_a_task_at_once_and_it_can_be_retried(start_host: StartHost) -> None:
    async def breaks_once(running: Running) -> str:
        if running.attempt == 1:
            raise ValueError("secret")
        return "done"

    host = await start_host(Echo(breaks_once))
    task = await host.submit("x")
    failed = await host.until(task.task_id, Task.FAILED)

    await host.queue.retry(task.task_id)
    done = await host.until(task.task_id, Task.COMPLETED)

    assert failed.error.reason == ErrorReason.INTERNAL_ERROR
    assert "secret" not in failed.error.message
    assert failed.HasField("expire_time")
    assert (done.attempts, done.HasField("error")) == (2, False)
    with pytest.raises(TaskNotRetryableError):
        await host.queue.retry(task.task_id)


async def test_a_result_that_can_not_be_written_fails_its_task_and_no_other(
    start_host: StartHost,
) -> None:
    class Broken(Echo):
        async def run(self, running: Running) -> TaskResult:
            result = await super().run(running)
            return cast("Any", "none") if running.work.chat.messages[0].content == "2" else result

    gate = Gate()
    host = await start_host(Broken(gate), places=5)
    tasks = [await host.submit(str(number)) for number in range(5)]
    await until(lambda: host.runner.running.total() == 5)
    gate.open.set()

    failed = await host.until(tasks.pop(2).task_id, Task.FAILED)
    done = [await host.until(task.task_id, Task.COMPLETED) for task in tasks]

    assert failed.error.reason == ErrorReason.INTERNAL_ERROR
    assert [task.result.chat.message.content for task in done] == ["0", "1", "3", "4"]


async def test_a_deleted_task_is_gone_although_it_is_begun_anew_meanwhile(
    start_host: StartHost,
) -> None:
    host = await start_host(None)
    task = await host.submit("x")

    class Retries:
        """Has it begun anew just before its row is removed."""

        tries = 0

        async def delete_of(self, task_id: str) -> None:
            self.tries += 1
            if self.tries == 1:
                await host.queue.retry(task_id)

        async def ids_of(self, task_id: str) -> list[str]:
            return []

    other = await start_host(None, home="b", files=Retries())
    await other.queue.delete(task.task_id)

    with pytest.raises(TaskNotFoundError):
        await host.queue.get(task.task_id)


async def test_a_waiting_task_is_cancelled_at_once_and_a_running_one_within_a_step(
    start_host: StartHost,
) -> None:
    gate = Gate()
    echo = Echo(gate)
    host = await start_host(echo)
    runs = await host.submit("runs")
    waits = await host.submit("waits")
    await gate.begun.wait()

    ended = [await host.queue.cancel(one.task_id) for one in (waits, runs)]
    again = await host.queue.cancel(runs.task_id)

    assert [one.state for one in ended] == [Task.CANCELLED] * 2
    assert again.state == Task.CANCELLED
    assert echo.ran == ["runs"]


async def test_a_deadline_fails_a_task_before_it_runs_and_amid_its_work(
    start_host: StartHost,
) -> None:
    hands = Hands()
    gate = Gate()
    echo = Echo(gate)
    host = await start_host(echo, hands=hands)
    at = {"seconds": round(hands.seconds) + 10}
    runs = await host.submit("runs", deadline=at)
    await gate.begun.wait()
    waits = await host.submit("waits", deadline=at)

    hands.seconds += 11
    await host.look()

    for one in (runs, waits):
        failed = await host.until(one.task_id, Task.FAILED)
        assert failed.error.reason == ErrorReason.TASK_TIMEOUT
    assert echo.ran == ["runs"]


@pytest.mark.parametrize("name", ["start_time", "deadline"])
@pytest.mark.parametrize(
    "time", [{"seconds": 10**15}, {"seconds": -(10**12)}, {"seconds": 1, "nanos": 2 * 10**9}]
)
async def test_a_time_that_is_none_is_refused(
    start_host: StartHost, name: str, time: dict[str, int]
) -> None:
    host = await start_host(None)

    with pytest.raises(FieldInvalidError) as raised:
        await host.submit("x", **{name: time})

    assert [one.field for one in raised.value.violations] == [name]


async def test_a_task_does_not_start_before_its_time(start_host: StartHost) -> None:
    hands = Hands()
    echo = Echo(says_it)
    host = await start_host(echo, hands=hands)
    later = await host.submit("later", start_time={"seconds": round(hands.seconds) + 10})
    now = await host.submit("now")
    await host.until(now.task_id, Task.COMPLETED)
    before = await host.queue.get(later.task_id)

    hands.seconds += 10
    await host.look()
    await host.until(later.task_id, Task.COMPLETED)

    assert before.state == Task.PENDING
    assert not before.HasField("position")
    assert echo.ran == ["now", "later"]


async def test_a_task_that_is_retried_waits_for_no_time(start_host: StartHost) -> None:
    hands = Hands()
    host = await start_host(Echo(says_it), hands=hands)
    later = await host.submit("later", start_time={"seconds": round(hands.seconds) + 10})
    await host.queue.cancel(later.task_id)

    again = await host.queue.retry(later.task_id)

    assert not again.HasField("start_time")
    await host.until(later.task_id, Task.COMPLETED)


async def test_what_is_deleted_or_over_leaves_no_row(
    start_host: StartHost, database: Database
) -> None:
    hands = Hands()
    host = await start_host(Echo(says_it), hands=hands)
    kept = [
        await host.submit(
            2000 * text, retention_seconds=seconds, webhook={"url": "http://a.example"}
        )
        for text, seconds in (("deleted", 0), ("kept", 100), ("over", 50))
    ]
    for one in kept:
        await host.until(one.task_id, Task.COMPLETED)
    deleted, stays, _over = (one.task_id for one in kept)

    await host.queue.delete(deleted)
    hands.seconds += 51
    forgotten = await host.queue.forget_expired()

    left = [task.task_id for task in (await host.queue.page(ListTasksRequest()))[0]]
    whole = await host.queue.get(stays)
    assert (forgotten, left) == (1, [stays])
    assert whole.work.chat.messages[0].content == 2000 * "kept"
    assert await rows(database) == {
        "tasks": 1,
        "task_works": 1,
        "task_results": 1,
        "task_webhooks": 1,
    }
    with pytest.raises(TaskNotFoundError):
        await host.queue.get(deleted)


async def test_progress_is_told_at_once_and_revisions_rise(start_host: StartHost) -> None:
    gate = Gate()

    async def half(running: Running) -> str:
        running.progress(50.0, "half")
        return await gate(running)

    host = await start_host(Echo(half))
    task = await host.submit("x")
    seen: list[Task] = []
    async with asyncio.timeout(120):
        async for event in host.queue.watch(task.task_id):
            seen.append(event.task)
            if event.task.progress_text == "half":
                gate.open.set()

    revisions = [one.revision for one in seen]
    assert revisions == sorted(set(revisions))
    assert 50.0 in [one.progress_percent for one in seen]
    assert (seen[-1].state, seen[-1].progress_percent) == (Task.COMPLETED, 100.0)


async def test_pages_are_the_newest_first_and_filtered(start_host: StartHost) -> None:
    host = await start_host(None)
    ids = [(await host.submit(str(n), caller="ab"[n % 2])).task_id for n in range(5)]
    await host.queue.cancel(ids[0])

    first = await host.queue.page(ListTasksRequest(page_size=2, states=[Task.PENDING]))
    second = await host.queue.page(
        ListTasksRequest(page_size=2, states=[Task.PENDING], page_token=first[1])
    )
    of_b = await host.queue.page(ListTasksRequest(caller="b"))

    assert [task.task_id for task in (*first[0], *second[0])] == ids[:0:-1]
    assert (second[1], second[2]) == ("", 4)
    assert [task.task_id for task in of_b[0]] == [ids[3], ids[1]]
    with pytest.raises(FunlandError):
        await host.queue.page(ListTasksRequest(page_token="made up"))  # noqa: S106 - no secret


async def test_a_claim_walks_one_index_and_sorts_nothing(
    start_host: StartHost, database: Database
) -> None:
    host = await start_host(None)
    await asyncio.gather(*(host.keep(str(n)) for n in range(300)))
    claimant = Claimant("s", "home", [1, 2, 3])

    found = await plan(database, claiming.next_ones(claimant, 1, 1))

    assert found.indexes == {"tasks_ready"}
    assert not found.sorts
    assert not found.reads_all


async def test_the_turns_of_callers_are_found_by_an_index(
    start_host: StartHost, database: Database
) -> None:
    host = await start_host(None)
    await asyncio.gather(*(host.keep("a") for _ in range(300)))
    of_a = submitting.latest_turns(1).bindparams(lane=1, rank=0, caller_0="a")

    found = await plan(database, of_a)

    assert found.indexes == {"tasks_of_callers"}
    assert not found.sorts
    assert not found.reads_all


async def rows(database: Database) -> dict[str, int]:
    """How many each table has."""

    async def count(connection: AsyncConnection) -> dict[str, int]:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table))
            for table in (tasks, task_works, task_results, task_webhooks)
        }

    return await database.read(count)


async def test_a_cancel_at_any_moment_ends_a_task_once(start_host: StartHost) -> None:
    async def soon(running: Running) -> str:
        for _ in range(len(running.task_id) % 5):
            await asyncio.sleep(0)
        return await says_it(running)

    host = await start_host(Echo(soon), places=3)

    async def cancelled(number: int) -> Task:
        task_id = await host.keep(str(number))
        for _ in range(number):
            await asyncio.sleep(0.001)
        return await host.queue.cancel(task_id)

    async with asyncio.timeout(120):
        tasks = await asyncio.gather(*(cancelled(number) for number in range(30)))

    assert {task.state for task in tasks} <= {Task.CANCELLED, Task.COMPLETED}
    assert all(task.HasField("result") == (task.state == Task.COMPLETED) for task in tasks)
    assert not host.runner.running
