"""Writes what became of tasks: only for who still has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, assert_never

from sqlalchemy import case, insert, select, text, update

from funland.v1.tasks_pb2 import Task, TaskResult, WebhookDelivery
from funland_server.storage.connections import AsyncConnection
from funland_server.tasks.deciding import Again, Back, End, Verdict
from funland_server.tasks.tables import (
    pending,
    processing,
    task_results,
    task_webhooks,
    tasks,
)

SECOND: Final = 10**6
"""In microseconds."""
UNTOLD: Final = 1000
"""More revisions than a server tells of a task without writing them."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Who may write of a task that runs."""

    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a task: of one that waits, without a fence."""

    task_id: str
    verdict: Verdict
    fence: Fence | None = None
    revision: int | None = None
    """That of the row, or a later one that was told; None: that of the row."""
    percent: float | None = None
    result: TaskResult | None = None


async def write(
    connection: AsyncConnection, ended: Ended, *, now: int, keep_seconds: float
) -> bool:
    """Writes it; False: it is not that one's any more, has ended or is gone. `keep_seconds` is for
    how long one is kept that does not say so itself."""
    where: list[Any] = [tasks.c.task_id == ended.task_id]
    if ended.fence is None:
        where.append(pending)
    else:
        fence = tasks.c.owner == ended.fence.owner, tasks.c.attempts == ended.fence.attempt
        where += [processing, *fence]
    revision: Any = tasks.c.revision if ended.revision is None else ended.revision
    values = {
        "owner": None,
        "revision": revision + 1,
        "progress_percent": ended.percent,
        **_values(ended.verdict, now, keep_seconds),
    }
    done = await connection.execute(update(tasks).where(*where).values(values))
    if not done.rowcount:
        return False
    if isinstance(ended.verdict, End):
        if ended.result is not None:
            bytes_ = ended.result.SerializeToString()
            row = {"task_id": ended.task_id, "result": bytes_}
            await connection.execute(insert(task_results).values(row))
        await _tell(connection, ended.task_id, now)
    elif ended.fence is not None:
        # Whoever asked for its end meanwhile asked the one that had it.
        end = _values(End(Task.CANCELLED), now, keep_seconds)
        asked = tasks.c.task_id == ended.task_id, pending, tasks.c.cancelling == 1
        done = await connection.execute(update(tasks).where(*asked).values(end))
        if done.rowcount:
            await _tell(connection, ended.task_id, now)
    return True


def _values(verdict: Verdict, now: int, keep_seconds: float) -> dict[str, Any]:
    match verdict:
        case End(state, error):
            kept = tasks.c.retention_seconds
            return {
                "state": state,
                "delayed": 0,
                "cancelling": 0,
                "end_time": now,
                "expire_time": now
                + case((kept > 0, kept * SECOND), else_=round(keep_seconds * SECOND)),
                "error": None if error is None else error.SerializeToString(),
            }
        case Again(seconds, error):
            return {
                "state": Task.PENDING,
                "delayed": 1,
                "ready_time": now + round(seconds * SECOND),
                "failures": tasks.c.failures + 1,
                "losses": 0,
                "error": error.SerializeToString(),
                "progress_text": "",
            }
        case Back(lost, lacked_by):
            return {
                "lacked_by": tasks.c.lacked_by if lacked_by is None else lacked_by,
                "state": Task.PENDING,
                "delayed": 0,
                "turn": _least(),
                "losses": tasks.c.losses + 1 if lost else 0,
                "progress_text": "",
            }
        case _:
            assert_never(verdict)


def _least() -> Any:
    """The turn of what is next where a task waited: it goes before all that came later. As it was,
    it could be far behind what came to an empty lane."""
    other = tasks.alias("other")
    waits = (text("other.state = 1 AND other.delayed = 0"),)
    same = (other.c.lane == tasks.c.lane, other.c.rank == tasks.c.rank)
    least = select(other.c.turn).where(*waits, *same).order_by(other.c.turn).limit(1)
    return case((least.scalar_subquery().is_(None), 0), else_=least.scalar_subquery())


async def _tell(connection: AsyncConnection, task_id: str, now: int) -> None:
    """Has whoever is to be told of the end be told."""
    waits = (
        task_webhooks.c.task_id == task_id,
        task_webhooks.c.state == WebhookDelivery.WAITING,
    )
    due = {"state": WebhookDelivery.SENDING, "next_time": now}
    await connection.execute(update(task_webhooks).where(*waits).values(due))
