"""Takes tasks whose turn it is, each for one server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, or_, select, update

from funland.v1.tasks_pb2 import Task
from funland_server.storage.backend import Dialect
from funland_server.storage.connections import AsyncConnection
from funland_server.tasks.tables import AnyRow, ready, task_works, tasks

_SET_ASIDE: Final = 256
"""The most ids that a claim passes over by name."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that is this server's."""

    row: AnyRow
    """Of `tasks`, in part: see `claim`."""
    work: bytes


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims, and what it can do."""

    server_id: str
    home_id: str
    kinds: Collection[int]
    aside: Collection[str] = ()
    """The ids of tasks that it could not do."""


_TOLD: Final = (
    tasks.c.task_id, tasks.c.number, tasks.c.kind, tasks.c.lane, tasks.c.rank, tasks.c.turn,
    tasks.c.deadline, tasks.c.attempts, tasks.c.failures, tasks.c.max_attempts,
    tasks.c.model, tasks.c.revision, tasks.c.ready_time,
)  # fmt: skip


def next_ones(claimant: Claimant, lane: int, places: int) -> Select[Any]:
    """The ids of those that are next in a lane."""
    query = (
        select(tasks.c.task_id)
        .where(
            ready,
            tasks.c.lane == lane,
            tasks.c.kind.in_(claimant.kinds),
            or_(tasks.c.home_id.is_(None), tasks.c.home_id == claimant.home_id),
        )
        .order_by(tasks.c.rank, tasks.c.turn, tasks.c.number)
        .limit(places)
    )
    if claimant.aside:
        query = query.where(tasks.c.task_id.not_in(list(claimant.aside)[:_SET_ASIDE]))
    return query


async def claim(
    connection: AsyncConnection,
    dialect: Dialect,
    claimant: Claimant,
    places: Mapping[int, int],
    now: int,
) -> list[Claimed]:
    """Takes as many tasks of each lane as it has free places, and begins them; in their order."""
    rows: list[AnyRow] = []
    for lane, free in places.items():
        found = await connection.execute(claiming(dialect, claimant, lane, free, now))
        # What RETURNING gives has no order.
        rows += sorted(found, key=lambda row: (row.rank, row.turn, row.number))
    works = await _works(connection, [row.task_id for row in rows])
    return [Claimed(row, works[row.task_id]) for row in rows]


def claiming(dialect: Dialect, claimant: Claimant, lane: int, places: int, now: int) -> Any:
    """One statement that takes them."""
    begun = update(tasks).values(
        state=Task.PROCESSING,
        owner=claimant.server_id,
        begin_time=now,
        attempts=tasks.c.attempts + 1,
        revision=tasks.c.revision + 1,
        progress_percent=None,
        progress_text="",
    )
    query = next_ones(claimant, lane, places)
    if dialect == "sqlite":
        return begun.where(tasks.c.task_id.in_(query)).returning(*_TOLD)
    # Two servers at once take others. Without the CTE, it could be asked more than once.
    taken = query.with_for_update(skip_locked=True).cte("taken").prefix_with("MATERIALIZED")
    return begun.where(tasks.c.task_id == taken.c.task_id).returning(*_TOLD)


async def _works(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, bytes]:
    if not ids:
        return {}
    query = select(task_works.c.task_id, task_works.c.work).where(task_works.c.task_id.in_(ids))
    return {row.task_id: row.work for row in await connection.execute(query)}
