"""What is deleted, or whose time is over, is gone from the database and from the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from funland.v1.tasks_pb2 import Task, WebhookDelivery
from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.schema import schema
from funland_server.tasks.errors import TaskNotFoundError
from funland_server.tasks.kinds import Running
from tests.server.tasks.conftest import Echo, Hands, Host, StartHost

WEBHOOK = {"url": "http://a.example/in", "secret": "whsec_" + "A" * 32}


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def files(database: Database, hands: Hands, tmp_path: Path) -> AsyncIterator[Files]:
    home = tmp_path / "files' home"
    settings = Live(ServerSettings(home=home))
    files = Files(settings, database, Blobs(home / "blobs"), clock=hands.clock.nanos)
    await files.start()
    yield files
    await files.stop()


@pytest.fixture
async def host(start_host: StartHost, files: Files, hands: Hands) -> Host:
    """Its tasks make two files each, with a content of their own."""

    async def makes_files(running: Running) -> str:
        text = running.work.chat.messages[0].content
        for name in ("one", "two"):
            await files.keep(
                _chunks(f"{text}: {name}"), name=name, purpose="output", task_id=running.task_id
            )
        return text

    return await start_host(Echo(makes_files), hands=hands, files=files)


async def _chunks(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def left(database: Database, folder: Path) -> tuple[dict[str, int], set[bytes]]:
    """The rows of all tables of tasks and files, and the contents that are anywhere on the disk."""
    names = [name for name in schema.tables if name.startswith(("task", "file"))]

    async def count(connection: AsyncConnection) -> dict[str, int]:
        found = {
            name: await connection.scalar(select(func.count()).select_from(schema.tables[name]))
            for name in names
            if name != "task_servers"
        }
        return {name: rows for name, rows in found.items() if rows}

    return await database.read(count), contents(folder)


def contents(folder: Path) -> set[bytes]:
    """Those of files that tasks made."""
    found = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {content for content in found if b": " in content}


async def test_a_deleted_task_leaves_nothing(
    host: Host, files: Files, database: Database, tmp_path: Path
) -> None:
    task = await host.submit("private", webhook=WEBHOOK)
    ended = await host.until(task.task_id, Task.COMPLETED)
    made = await files.ids_of(task.task_id)
    rows, on_disk = await left(database, tmp_path / "files' home")

    await host.queue.delete(task.task_id)

    assert on_disk == {b"private: one", b"private: two"}
    assert len(made) == rows["files"] == 2
    assert ended.webhook.state == WebhookDelivery.SENDING
    assert await left(database, tmp_path / "files' home") == ({}, set())
    with pytest.raises(TaskNotFoundError):
        await host.queue.get(task.task_id)


async def test_a_task_whose_time_is_over_leaves_nothing_and_others_stay(
    host: Host, database: Database, hands: Hands, tmp_path: Path
) -> None:
    short = await host.submit("short", retention_seconds=50, webhook=WEBHOOK)
    long = await host.submit("long", retention_seconds=100)
    for task in (short, long):
        await host.until(task.task_id, Task.COMPLETED)

    hands.seconds += 49
    early = await host.queue.forget_expired()
    hands.seconds += 2
    due = await host.queue.forget_expired()

    assert (early, due) == (0, 1)
    rows, on_disk = await left(database, tmp_path / "files' home")
    assert on_disk == {b"long: one", b"long: two"}
    assert rows == {"tasks": 1, "task_results": 1, "files": 2}
    hands.seconds += 50
    assert await host.queue.forget_expired() == 1
    assert await left(database, tmp_path / "files' home") == ({}, set())


async def test_one_that_waits_is_cancelled_and_gone(
    host: Host, database: Database, hands: Hands, tmp_path: Path
) -> None:
    later = {"start_time": {"seconds": round(hands.seconds) + 1000}}
    task = await host.submit("never", webhook=WEBHOOK, **later)

    await host.queue.delete(task.task_id)

    assert await left(database, tmp_path / "files' home") == ({}, set())
