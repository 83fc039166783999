"""Finds tasks in the database, and how full their lanes are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from funland.v1.tasks_pb2 import ListTasksRequest, Task, TaskResult, WebhookDelivery, Work
from funland_server.belonging.rows import Thing, seen
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.connections import AsyncConnection
from funland_server.tasks.rows import task_of
from funland_server.tasks.tables import (
    AnyRow,
    completed,
    pending,
    processing,
    ready,
    shown,
    task_results,
    task_webhooks,
    tasks,
    work,
)

_PAGE_SIZE: Final = 100
_LATELY: Final = 50
"""So many of the last tasks say how long one takes."""
_TOKEN: Final = re.compile(r"([0-9]{1,18})\.([\x21-\x7e]{1,128})")


@dataclass(frozen=True, slots=True)
class Fullness:
    """How full the lanes are, by their numbers."""

    waiting: Counter[int] = field(default_factory=Counter[int])
    running: Counter[int] = field(default_factory=Counter[int])


async def get(
    connection: AsyncConnection, task_id: str, *, whole: bool
) -> tuple[Task, float | None] | None:
    """A task, with its work and result if it is to be `whole`, and what the last ones of its lane
    took, for one that waits for its turn; None: it is not kept."""
    query = _with_webhook().where(tasks.c.task_id == task_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    task = _told(row)
    mean = None
    if task.state == Task.PENDING and not row.delayed:
        task.position = await _before(connection, row)
        mean = await mean_seconds(connection, row.lane)
    if whole:
        kept_work = await connection.scalar(select(work).where(tasks.c.task_id == task_id))
        task.work.CopyFrom(Work.FromString(kept_work))
        if task.state == Task.COMPLETED:
            result = select(task_results.c.result).where(task_results.c.task_id == task_id)
            if (kept := await connection.scalar(result)) is not None:
                task.result.CopyFrom(TaskResult.FromString(kept))
    return task, mean


async def page(
    connection: AsyncConnection, request: ListTasksRequest
) -> tuple[list[Task], str, int]:
    """A page of tasks, the next one's token, and how many there are on all; raises
    FieldInvalidError."""
    filters = list(_filters(request))
    total = select(func.count()).select_from(tasks).where(*filters)
    count: int = await connection.scalar(total)
    size = request.page_size or _PAGE_SIZE
    rows = (await connection.execute(chosen(request).limit(size + 1))).all()
    token = ""
    if len(rows) > size:
        token = f"{rows[size - 1].number}.{rows[size - 1].task_id}"
    return [_told(row) for row in rows[:size]], token, count


def chosen(request: ListTasksRequest) -> Select[*tuple[Any, ...]]:
    """What a request asks for from its page on, in order."""
    query = _with_webhook().where(*_filters(request))
    if request.page_token:
        place: ColumnElement[Any] = tuple_(tasks.c.number, tasks.c.task_id)
        query = query.where(place < _place(request.page_token))
    return query.order_by(tasks.c.number.desc(), tasks.c.task_id.desc())


async def some(connection: AsyncConnection, ids: list[str]) -> list[Task]:
    """Those of the ids that are kept, as a list has them."""
    own = seen(Thing.TASK, tasks.c.task_id)
    found = await connection.execute(_with_webhook().where(tasks.c.task_id.in_(ids), own))
    return [_told(row) for row in found]


async def unfinished(connection: AsyncConnection) -> dict[str, int]:
    """The revisions of all that have not ended, in order of arrival."""
    found: dict[str, int] = {}
    for state in (processing, pending):
        own = seen(Thing.TASK, tasks.c.task_id)
        query = select(tasks.c.task_id, tasks.c.revision, tasks.c.number).where(state, own)
        rows = sorted(await connection.execute(query), key=lambda row: row.number)
        found.update((row.task_id, row.revision) for row in rows)
    return found


async def fullness(connection: AsyncConnection) -> Fullness:
    """How many wait and run, on all servers."""
    full = Fullness()
    for state, counts in ((pending, full.waiting), (processing, full.running)):
        query = (
            select(tasks.c.lane, func.count().label("tasks")).where(state).group_by(tasks.c.lane)
        )
        counts.update({row.lane: row.tasks for row in await connection.execute(query)})
    return full


async def mean_seconds(connection: AsyncConnection, lane: int) -> float | None:
    """What the last tasks of a lane took on average; None: none has ended."""
    query = (
        select(tasks.c.end_time - tasks.c.begin_time)
        .where(completed, tasks.c.lane == lane)
        .order_by(tasks.c.end_time.desc())
        .limit(_LATELY)
    )
    took = list((await connection.execute(query)).scalars())
    return sum(took) / len(took) / 1e6 if took else None


def _with_webhook() -> Select[*tuple[Any, ...]]:
    joined = tasks.outerjoin(task_webhooks, task_webhooks.c.task_id == tasks.c.task_id)
    return select(
        *shown,
        task_webhooks.c.url.label("webhook_url"),
        task_webhooks.c.state.label("webhook_state"),
        task_webhooks.c.attempts.label("webhook_attempts"),
        task_webhooks.c.next_time.label("webhook_next_time"),
        task_webhooks.c.last_error.label("webhook_last_error"),
    ).select_from(joined)


def _told(row: AnyRow) -> Task:
    task = task_of(row)
    if row.webhook_url is not None:
        delivery = WebhookDelivery(
            url=row.webhook_url,
            state=row.webhook_state,
            attempts=row.webhook_attempts,
            last_error=row.webhook_last_error,
        )
        if row.webhook_next_time is not None:
            delivery.next_time.FromMicroseconds(row.webhook_next_time)
        task.webhook.CopyFrom(delivery)
    return task


async def _before(connection: AsyncConnection, row: AnyRow) -> int:
    """How many of its lane go before a task."""
    place: ColumnElement[Any] = tuple_(tasks.c.rank, tasks.c.turn, tasks.c.number)
    before = place < (row.rank, row.turn, row.number)
    query = select(func.count()).select_from(tasks).where(ready, tasks.c.lane == row.lane, before)
    return await connection.scalar(query)


def _filters(request: ListTasksRequest) -> Iterator[ColumnElement[bool]]:
    yield seen(Thing.TASK, tasks.c.task_id)
    if request.states:
        yield tasks.c.state.in_(list(request.states))
    if request.kinds:
        yield tasks.c.kind.in_(list(request.kinds))
    if request.caller:
        yield tasks.c.caller == request.caller


def _place(token: str) -> tuple[int, str]:
    if (match := _TOKEN.fullmatch(token)) is None:
        raise FieldInvalidError(
            [Violation("page_token", "it must be the next_page_token of a page before")]
        )
    return int(match[1]), match[2]
