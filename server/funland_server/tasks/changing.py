"""What callers and time change of tasks in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete, select, update

from funland.v1.tasks_pb2 import Lane, Task, WebhookDelivery
from funland_server.belonging import rows as belongings
from funland_server.belonging.rows import Thing
from funland_server.storage.connections import AsyncConnection
from funland_server.tasks import deciding
from funland_server.tasks.deciding import End
from funland_server.tasks.ending import Ended, write
from funland_server.tasks.errors import LaneFullError, TaskNotFoundError, TaskNotRetryableError
from funland_server.tasks.submitting import count_waiting, give_turns
from funland_server.tasks.tables import (
    AnyRow,
    delayed,
    expires,
    has_deadline,
    processing,
    task_parts,
    task_results,
    task_webhooks,
    task_works,
    tasks,
)

_AT_ONCE: Final = 500
"""In one transaction, which others wait for."""
_RETRYABLE: Final = (Task.FAILED, Task.CANCELLED)


async def cancel(
    connection: AsyncConnection, task_id: str, *, now: int, keep_seconds: float
) -> AnyRow | None:
    """Ends a task that waits, and has one that runs be ended by who runs it: its row then; None:
    it has none, and has ended.

    Raises:
        TaskNotFoundError: It is not kept.
    """
    ended = Ended(task_id, End(Task.CANCELLED))
    if await write(connection, ended, now=now, keep_seconds=keep_seconds):
        return None
    running = tasks.c.task_id == task_id, processing
    asked = await connection.execute(
        update(tasks).where(*running).values(cancelling=1).returning(tasks.c.owner)
    )
    if (row := asked.one_or_none()) is not None:
        return row
    found = await connection.execute(select(tasks.c.state).where(tasks.c.task_id == task_id))
    if found.one_or_none() is None:
        raise TaskNotFoundError(task_id)
    return None


async def retry(connection: AsyncConnection, task_id: str, *, now: int, capacity: int) -> None:
    """Has a task that did not succeed wait once more.

    Raises:
        TaskNotFoundError, TaskNotRetryableError, LaneFullError: It stays as it is.
    """
    found = await connection.execute(
        select(
            tasks.c.state, tasks.c.lane, tasks.c.rank, tasks.c.caller, tasks.c.deadline,
            tasks.c.revision,
        )
        .where(tasks.c.task_id == task_id)
        .with_for_update()
    )  # fmt: skip
    row = found.one_or_none()
    if row is None:
        raise TaskNotFoundError(task_id)
    if row.state not in _RETRYABLE:
        raise TaskNotRetryableError(task_id, Task.State.Name(row.state))
    if await count_waiting(connection, row.lane) >= capacity:
        raise LaneFullError(Lane.Name.Name(row.lane), capacity)
    place = {"lane": row.lane, "rank": row.rank, "caller": row.caller, "turn": 0}
    await give_turns(connection, [place])
    anew = {
        "state": Task.PENDING, "delayed": 0, "ready_time": 0, "turn": place["turn"],
        "start_time": None, "begin_time": None, "end_time": None, "expire_time": None,
        "deadline": None if deciding.is_late(row.deadline, now) else row.deadline,
        "failures": 0, "losses": 0, "lacked_by": "", "cancelling": 0, "error": None,
        "progress_percent": None, "progress_text": "", "revision": row.revision + 1,
    }  # fmt: skip
    await connection.execute(update(tasks).where(tasks.c.task_id == task_id).values(anew))
    again = {
        "state": WebhookDelivery.WAITING, "attempts": 0, "next_time": None, "last_error": "",
        "owner": None,
    }  # fmt: skip
    await connection.execute(
        update(task_webhooks).where(task_webhooks.c.task_id == task_id).values(again)
    )


async def make_ready(connection: AsyncConnection, now: int) -> int:
    """Has those take their turns that have waited for their time; gives how many."""
    due = (
        select(tasks.c.task_id, tasks.c.lane, tasks.c.rank, tasks.c.caller)
        .where(delayed, tasks.c.ready_time <= now)
        .order_by(tasks.c.ready_time)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows: list[dict[str, Any]] = [dict(row) for row in (await connection.execute(due)).mappings()]
    await give_turns(connection, rows)
    for row in rows:
        it = tasks.c.task_id == row["task_id"]
        anew = {"delayed": 0, "turn": row["turn"], "revision": tasks.c.revision + 1}
        await connection.execute(update(tasks).where(it, delayed).values(anew))
    return len(rows)


async def fail_late(connection: AsyncConnection, *, now: int, keep_seconds: float) -> list[str]:
    """Ends those that wait and whose deadline has passed; gives their ids."""
    due = (
        select(tasks.c.task_id)
        .where(has_deadline, tasks.c.deadline <= now)
        .order_by(tasks.c.deadline)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = list((await connection.execute(due)).scalars())
    for task_id in ids:
        ended = Ended(task_id, deciding.late(task_id))
        await write(connection, ended, now=now, keep_seconds=keep_seconds)
    return ids


async def expired(connection: AsyncConnection, now: int) -> list[str]:
    """The ids of tasks that are to be forgotten, some at a time."""
    query = (
        select(tasks.c.task_id)
        .where(expires, tasks.c.expire_time <= now)
        .order_by(tasks.c.expire_time)
        .limit(_AT_ONCE)
    )
    return list((await connection.execute(query)).scalars())


async def remove(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """Forgets tasks that have ended and all that is kept of them; gives the ids of those that were
    there. One that was begun anew meanwhile stays."""
    gone = await connection.execute(
        delete(tasks)
        .where(tasks.c.task_id.in_(ids), tasks.c.end_time.is_not(None))
        .returning(tasks.c.task_id)
    )
    removed = list(gone.scalars())
    if removed:
        await belongings.drop(connection, Thing.TASK, removed)
        for table in (task_works, task_results, task_parts, task_webhooks):
            await connection.execute(delete(table).where(table.c.task_id.in_(removed)))
    return removed
