"""The ends of tasks are told: once, signed, by one server, again where nobody listened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import insert, text

from funland.v1.tasks_pb2 import Lane, SubmitTaskRequest, Task, WebhookDelivery
from funland_server.changes import Changes
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.tasks.clock import Clock
from funland_server.tasks.kinds import Checked
from funland_server.tasks.rows import new_row
from funland_server.tasks.tables import task_webhooks, tasks
from funland_server.tasks.webhooks.delivering import Webhooks
from funland_server.tasks.webhooks.store import LEASE, WebhookStore, due
from funland_server.web.fetching import Web
from funland_server.web.policy import WebPolicy
from tests.server.conftest import until
from tests.server.storage.plans import plan
from tests.server.tasks.webhooks.receiver import SECRET, Receiver, receiving

S = 10**6


class Times:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.micros = time.time_ns() // 1000

    def clock(self) -> Clock:
        return Clock(nanos=lambda: self.micros * 1000)


class Ends:
    """Tasks that have ended, in a database, and servers that tell it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.times = Times()
        self.changes = Changes()
        self.web = Web(Live(WebPolicy.of(private_hosts=["127.0.0.1"])))
        self._servers: list[Webhooks] = []

    async def server(self, name: str = "one", secret: str | None = None) -> Webhooks:
        server = Webhooks(
            WebhookStore(self.database, name),
            self.web,
            Live(None if secret is None else SecretStr(secret)),
            metrics=Metrics(),
            clock=self.times.clock(),
            changes=self.changes,
        )
        self._servers.append(server)
        await server.start()
        return server

    async def add(
        self,
        task_id: str,
        receiver: Receiver,
        state: Task.State.ValueType = Task.COMPLETED,
        secret: str = SECRET,
    ) -> None:
        request = SubmitTaskRequest(metadata={"a": "b"}, caller="me")
        row = new_row(
            request, Checked(model="m"), task_id=task_id, number=self.times.micros, home_id="h",
            kind=Task.CHAT, lane=Lane.LANGUAGE,
        )  # fmt: skip
        row |= {"state": state, "end_time": row["number"], "expire_time": row["number"] + S}
        webhook = {
            "task_id": task_id, "url": receiver.url, "secret": secret, "attempts": 0,
            "state": WebhookDelivery.SENDING, "next_time": self.times.micros, "last_error": "",
        }  # fmt: skip

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(tasks).values(row))
            await connection.execute(insert(task_webhooks).values(webhook))

        await self.database.write(write)
        self.changes.publish(task_id)

    async def row(self, task_id: str) -> Any:
        async def read(connection: AsyncConnection) -> Any:
            query = text("SELECT * FROM task_webhooks WHERE task_id = :id")
            return (await connection.execute(query, {"id": task_id})).one()

        return await self.database.read(read)

    async def when(self, task_id: str, so: Callable[[Any], bool]) -> Any:
        """The row of one when it is so."""
        async with asyncio.timeout(120):
            while not so(row := await self.row(task_id)):  # noqa: ASYNC110 - another's row
                await asyncio.sleep(0.005)
        return row

    def later(self, micros: int) -> None:
        self.times.micros += micros
        self.changes.publish("")

    async def close(self) -> None:
        for server in self._servers:
            await server.close()
        await self.web.close()


@pytest.fixture
async def ends(place: Path | str) -> AsyncIterator[Ends]:
    database = Database(place)
    await database.open()
    ends = Ends(database)
    yield ends
    await ends.close()
    await database.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def is_state(state: WebhookDelivery.State.ValueType) -> Callable[[Any], bool]:
    return lambda row: row.state == state


async def test_an_end_is_told_once_and_its_secret_forgotten(ends: Ends, receiver: Receiver) -> None:
    await ends.server()

    await ends.add("task-1", receiver)
    row = await ends.when("task-1", is_state(WebhookDelivery.DELIVERED))

    (told,) = receiver.told
    end = ends.times.micros
    assert told.message_id == f"task-1-{end}"
    assert told.said["type"] == "task.completed"
    assert (
        told.said["data"] | {"task_id": "task-1", "state": "COMPLETED", "caller": "me"}
        == (told.said["data"])
    )
    assert told.said["data"]["metadata"] == {"a": "b"}
    assert (row.attempts, row.secret, row.last_error, row.next_time) == (1, "", "", None)


@pytest.mark.parametrize(
    ("state", "kind"), [(Task.FAILED, "task.failed"), (Task.CANCELLED, "task.cancelled")]
)
async def test_a_task_that_may_be_begun_anew_keeps_its_secret(
    ends: Ends, receiver: Receiver, state: Task.State.ValueType, kind: str
) -> None:
    await ends.server()

    await ends.add("task-1", receiver, state)
    row = await ends.when("task-1", is_state(WebhookDelivery.DELIVERED))

    assert [told.said["type"] for told in receiver.told] == [kind]
    assert row.secret == SECRET


async def test_who_hangs_does_not_keep_others_from_being_told(
    ends: Ends, receiver: Receiver
) -> None:
    receiver.hold = asyncio.Event()
    for number in range(40):
        await ends.add(f"held-{number}", receiver)
    async with receiving() as other:
        await ends.add("task-1", other)
        await ends.server()

        (told,) = await other.have(1, seconds=5)  # less than a receiver has to answer

    assert told.said["data"]["task_id"] == "task-1"
    receiver.hold.set()
    await receiver.have(40)
    assert len({told.message_id for told in receiver.told}) == 40


async def test_who_does_not_listen_is_told_again(ends: Ends, receiver: Receiver) -> None:
    receiver.answers = [
        web.Response(status=500, text="a secret of the receiver"),
        web.Response(status=503, headers={"Retry-After": "600"}),
        web.Response(status=307, headers={"Location": receiver.url}),
    ]
    await ends.server()
    begin = ends.times.micros

    await ends.add("task-1", receiver)
    first = await ends.when("task-1", lambda row: row.last_error)
    ends.later(5 * S)
    second = await ends.when("task-1", lambda row: "503" in row.last_error)
    ends.later(599 * S)
    ends.later(1 * S)
    third = await ends.when("task-1", lambda row: "307" in row.last_error)
    ends.later(300 * S)
    last = await ends.when("task-1", is_state(WebhookDelivery.DELIVERED))

    assert (first.last_error, first.next_time) == ("it answered 500", begin + 5 * S)
    assert second.next_time == begin + 605 * S
    assert (third.attempts, last.attempts) == (3, 4)
    assert len({(told.message_id, told.body) for told in receiver.told}) == 1
    assert len(receiver.told) == 4


async def test_who_is_gone_is_not_told_again(ends: Ends, receiver: Receiver) -> None:
    receiver.answers = [web.Response(status=410)]
    await ends.server()

    await ends.add("task-1", receiver)
    row = await ends.when("task-1", is_state(WebhookDelivery.FAILED))

    assert (row.attempts, row.next_time, row.secret) == (1, None, "")


async def test_of_several_servers_one_tells(ends: Ends, receiver: Receiver) -> None:
    for name in ("one", "two", "three"):
        await ends.server(name)

    names = [f"task-{number}" for number in range(30)]
    await asyncio.gather(*(ends.add(name, receiver) for name in names))
    for name in names:
        await ends.when(name, is_state(WebhookDelivery.DELIVERED))

    assert sorted(told.said["data"]["task_id"] for told in receiver.told) == sorted(names)


async def test_what_a_server_that_died_was_telling_another_tells(
    ends: Ends, receiver: Receiver
) -> None:
    receiver.hold = asyncio.Event()
    dying = await ends.server("dying")
    await ends.add("task-1", receiver)
    await receiver.have(1)
    await dying.close()  # as kill -9 does, it writes nothing
    receiver.hold.set()

    await ends.server("other")
    before = await ends.row("task-1")
    ends.later(LEASE)
    after = await ends.when("task-1", is_state(WebhookDelivery.DELIVERED))

    assert (before.state, before.owner.partition(".")[0], before.attempts) == (
        WebhookDelivery.SENDING,
        "dying",
        1,
    )
    assert after.attempts == 2
    assert len({told.message_id for told in receiver.told}) == 1


async def test_the_next_start_of_a_home_tells_at_once(ends: Ends, receiver: Receiver) -> None:
    receiver.hold = asyncio.Event()
    dying = await ends.server("home")
    await ends.add("task-1", receiver)
    await receiver.have(1)
    await dying.close()
    receiver.hold.set()

    await ends.server("home")

    row = await ends.when("task-1", is_state(WebhookDelivery.DELIVERED))
    assert row.attempts == 2


async def test_a_server_that_was_taken_for_dead_writes_nothing(
    ends: Ends, receiver: Receiver
) -> None:
    receiver.hold = asyncio.Event()
    await ends.server("slow")
    await ends.add("task-1", receiver)
    await receiver.have(1)
    receiver.answers = [web.Response(status=500)]  # for whichever comes first: the slow one's
    await ends.database.write(_taken_by_another)

    receiver.hold.set()
    await until(lambda: not receiver.answers)
    await ends.close()

    row = await ends.row("task-1")
    assert (row.owner, row.attempts, row.last_error) == ("another", 2, "")


async def _taken_by_another(connection: AsyncConnection) -> None:
    query = "UPDATE task_webhooks SET owner = 'another', attempts = 2, next_time = next_time * 2"
    await connection.execute(text(query))


async def test_the_secret_of_the_settings_is_for_those_without(ends: Ends) -> None:
    await ends.server(secret=SECRET)

    async with receiving() as receiver:
        await ends.add("task-1", receiver, secret="")
        await ends.when("task-1", is_state(WebhookDelivery.DELIVERED))
        assert len(receiver.told) == 1


async def test_without_a_secret_nothing_is_sent(ends: Ends, receiver: Receiver) -> None:
    await ends.server()

    await ends.add("task-1", receiver, secret="")
    row = await ends.when("task-1", lambda row: row.last_error)

    assert "server.webhook_secret" in row.last_error
    assert receiver.told == []


async def test_those_that_are_due_are_found_by_an_index(ends: Ends) -> None:
    rows = [
        {
            "task_id": str(number), "url": "http://a.example/", "secret": "", "attempts": 1,
            "state": WebhookDelivery.DELIVERED, "last_error": "",
        }
        for number in range(2000)
    ]  # fmt: skip

    async def add_all(connection: AsyncConnection) -> None:
        await connection.execute(insert(task_webhooks), rows)

    await ends.database.write(add_all)

    found = await plan(ends.database, due(ends.times.micros, 16))

    assert found.indexes == {"task_webhooks_due"}
