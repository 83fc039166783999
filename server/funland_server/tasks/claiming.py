"""Takes tasks whose turn it is, each for one server."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import LargeBinary, TextClause, column, text

from funland_server.storage.backend import Dialect
from funland_server.storage.connections import AsyncConnection
from funland_server.tasks.tables import AnyRow, tasks

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
    lacked: Collection[tuple[int, str]] = ()
    """Kinds and models, of which it can do no task."""


# Written out, since a claim is made every few moments, and SQLAlchemy takes longer to put it
# together than either database to do it.
_NEXT: Final = """
    SELECT {key} FROM tasks
    WHERE state = 1 AND delayed = 0 AND lane = :lane AND kind IN ({kinds})
      AND (home_id IS NULL OR home_id = :home_id) {aside} {lacked}
    ORDER BY rank, turn, number LIMIT :places"""
_BEGIN: Final = """
    UPDATE tasks SET state = 2, owner = :owner, attempts = attempts + 1, revision = revision + 1,
      begin_time = CASE WHEN tasks.number > :now THEN tasks.number ELSE :now END,
      progress_percent = NULL, progress_text = ''"""
"""A task may have come since the time was looked at: none begins before it is there."""
_TOLD: Final = (
    tasks.c.task_id, tasks.c.number, tasks.c.kind, tasks.c.lane, tasks.c.rank, tasks.c.turn,
    tasks.c.deadline, tasks.c.attempts, tasks.c.failures, tasks.c.max_attempts, tasks.c.model,
    tasks.c.revision, tasks.c.ready_time, tasks.c.lacked_by, tasks.c.metadata,
)  # fmt: skip
_RETURN: Final = (
    " RETURNING "  # noqa: S608 - our own columns
    + ", ".join(f"tasks.{each.name}" for each in _TOLD)
    + ", coalesce(tasks.work,"
    " (SELECT work FROM task_works WHERE task_works.task_id = tasks.task_id)) AS work"
)


async def claim(
    connection: AsyncConnection,
    dialect: Dialect,
    claimant: Claimant,
    places: Mapping[int, int],
    now: int,
) -> list[Claimed]:
    """Takes as many tasks of each lane as it has free places, and begins them; in their order."""
    claimed: list[Claimed] = []
    statement = _claiming(dialect, *_shape(claimant))
    for lane, free in places.items():
        values = {**_values(claimant, lane, free), "owner": claimant.server_id, "now": now}
        found = await connection.execute(statement, values)
        # What RETURNING gives has no order.
        rows = sorted(found, key=lambda row: (row.rank, row.turn, row.number))
        claimed += (Claimed(row, row.work) for row in rows)
    return claimed


def next_ones(claimant: Claimant, lane: int, places: int) -> TextClause:
    """The ids of those that are next in a lane."""
    query = text(_next("task_id", *_shape(claimant)))
    return query.bindparams(**_values(claimant, lane, places))


def _shape(claimant: Claimant) -> tuple[tuple[int, ...], int, int]:
    """What a statement depends on."""
    aside, lacked = _passed_over(claimant)
    return tuple(sorted(claimant.kinds)), len(aside), len(lacked)


def _passed_over(claimant: Claimant) -> tuple[list[str], list[tuple[int, str]]]:
    return list(claimant.aside)[:_SET_ASIDE], list(claimant.lacked)[:_SET_ASIDE]


@lru_cache(maxsize=64)
def _claiming(dialect: Dialect, kinds: tuple[int, ...], aside: int, lacked: int) -> Any:
    """One statement that takes them."""
    if dialect == "sqlite":
        words = f"{_BEGIN} WHERE rowid IN ({_next('rowid', kinds, aside, lacked)}) {_RETURN}"
    else:
        # Two servers at once take others. Were it not materialized, it could be asked twice.
        taken = f"{_next('task_id', kinds, aside, lacked)} FOR UPDATE SKIP LOCKED"
        words = (
            f"WITH taken AS MATERIALIZED ({taken}) {_BEGIN} FROM taken"
            f" WHERE tasks.task_id = taken.task_id {_RETURN}"
        )
    return text(words).columns(*_TOLD, column("work", LargeBinary))


def _next(key: str, kinds: tuple[int, ...], aside: int, lacked: int) -> str:
    named = ", ".join(f":aside_{place}" for place in range(aside))
    return _NEXT.format(
        key=key,
        kinds=", ".join(map(str, kinds)),
        aside=f"AND task_id NOT IN ({named})" if aside else "",
        lacked=" ".join(
            f"AND NOT (kind = :kind_{place} AND model = :model_{place})" for place in range(lacked)
        ),
    )


def _values(claimant: Claimant, lane: int, places: int) -> dict[str, Any]:
    aside, lacked = _passed_over(claimant)
    return {
        "lane": lane,
        "home_id": claimant.home_id,
        "places": places,
        **{f"aside_{place}": task_id for place, task_id in enumerate(aside)},
        **{f"kind_{place}": kind for place, (kind, _) in enumerate(lacked)},
        **{f"model_{place}": model for place, (_, model) in enumerate(lacked)},
    }
