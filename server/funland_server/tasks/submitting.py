"""Keeps new tasks, several in one transaction, and finds them their turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import TextClause, bindparam, func, insert, select, text, tuple_

from funland.v1.tasks_pb2 import Lane, WebhookDelivery, Work
from funland_server.belonging import rows as belongings
from funland_server.belonging.rows import Thing
from funland_server.storage.any_text import AnyText
from funland_server.storage.backend import Dialect
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.inserting import insert_into
from funland_server.tasks.errors import IdempotencyKeyReusedError, LaneFullError
from funland_server.tasks.rows import told_key
from funland_server.tasks.tables import (
    has_key,
    pending,
    ready,
    task_webhooks,
    task_works,
    tasks,
    work,
)

_SHORT: Final = 4096
"""Bytes: work that is longer has a row of its own, since that of a task is often written anew."""
_CALLERS: Final = 100
"""The most that one statement asks for."""
_NEAR: Final = 64
"""So near to a lane's capacity its tasks are counted at each submission."""

Name: TypeAlias = str | tuple[str, str]
"""An id, or a caller and its key."""


@dataclass(frozen=True, slots=True)
class New:
    """A task to be kept."""

    row: dict[str, Any]
    """Of `tasks`; its `turn` is found here."""
    work: Work
    user_id: str = ""
    """Whose it is; empty: nobody's."""
    given_id: bool = False
    """Whether a task of the same id may be kept already."""
    webhook: tuple[str, str] | None = None
    """Who is to be told: URL and secret."""


class Submitting:
    """Keeps tasks. It remembers how many waited, so that not each submission counts them."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect: Dialect = dialect
        self._waiting: dict[int, int] = {}
        """At most so many wait in a lane, but for what other servers have kept since."""

    def forget_counts(self) -> None:
        """What waits has changed: it is counted at the next submission."""
        self._waiting.clear()

    async def keep(
        self, connection: AsyncConnection, news: Sequence[New], capacity: int
    ) -> list[str | Exception]:
        """Keeps tasks, and gives for each the id under which it is kept: that of an earlier one if
        its key is that one's. May be made again."""
        earlier = await _earlier(connection, news)
        await self._count(connection, news, capacity)
        told: list[str | Exception] = []
        kept: list[New] = []
        for new in news:
            lane: int = new.row["lane"]
            if (found := _found(earlier, new)) is not None:
                told.append(_same(new, *found))
            elif self._waiting[lane] >= capacity:
                told.append(LaneFullError(Lane.Name.Name(new.row["lane"]), capacity))
            else:
                self._waiting[lane] += 1
                told.append(new.row["task_id"])
                kept.append(new)
                for name in _names(new):
                    earlier[name] = new.row["task_id"], new.work
        if kept:
            await give_turns(connection, [new.row for new in kept])
            lost = await self._insert(connection, kept)
            for place, (new, what) in enumerate(zip(news, told, strict=True)):
                if what in lost and (found := _found(await _earlier(connection, [new]), new)):
                    told[place] = _same(new, *found)
        return told

    async def _count(self, connection: AsyncConnection, news: Sequence[New], capacity: int) -> None:
        """Counts what waits in the lanes of new tasks, where they may be full."""
        near = max(_NEAR, capacity // 10) + len(news)
        for lane in {new.row["lane"] for new in news}:
            if (known := self._waiting.get(lane)) is None or known + near >= capacity:
                self._waiting[lane] = await count_waiting(connection, lane)

    async def _insert(self, connection: AsyncConnection, kept: Sequence[New]) -> set[str]:
        """Writes the rows, and gives the ids of those whose key another server was faster with."""
        keyed = [new.row for new in kept if new.row["idempotency_key"] is not None]
        works = {new.row["task_id"]: new.work.SerializeToString() for new in kept}
        long = {task_id for task_id, bytes_ in works.items() if len(bytes_) > _SHORT}
        rows = [
            {**new.row, "work": None if (one := new.row["task_id"]) in long else works[one]}
            for new in kept
        ]
        await connection.execute(insert_into(tasks, self._dialect).on_conflict_do_nothing(), rows)
        lost: set[str] = set()
        if keyed and self._dialect != "sqlite":  # which has one writer
            ids = [row["task_id"] for row in keyed]
            found = await connection.execute(
                select(tasks.c.task_id).where(tasks.c.task_id.in_(ids))
            )
            lost = set(ids).difference(found.scalars())
        kept = [new for new in kept if new.row["task_id"] not in lost]
        if not kept:
            return lost
        for new in kept:
            if new.user_id:
                await belongings.keep(
                    connection, self._dialect, Thing.TASK, new.row["task_id"], new.user_id
                )
        if apart := [{"task_id": one, "work": works[one]} for one in sorted(long - lost)]:
            await connection.execute(insert(task_works), apart)
        told = [
            {
                "task_id": new.row["task_id"], "url": new.webhook[0], "secret": new.webhook[1],
                "state": WebhookDelivery.WAITING, "attempts": 0, "last_error": "",
            }
            for new in kept
            if new.webhook is not None
        ]  # fmt: skip
        if told:
            await connection.execute(insert(task_webhooks), told)
        return lost


async def count_waiting(connection: AsyncConnection, lane: int) -> int:
    """How many tasks of a lane are PENDING."""
    query = select(func.count()).select_from(tasks).where(pending, tasks.c.lane == lane)
    return await connection.scalar(query)


async def give_turns(connection: AsyncConnection, rows: Iterable[dict[str, Any]]) -> None:
    """Sets the `turn` of rows that begin to wait: after what their caller has waiting, and not
    before what waits already. So callers go one after the other, and who comes last waits for one
    task of each other caller."""
    by_rank: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_rank[row["lane"], row["rank"]].append(row)
    for (lane, rank), alike in by_rank.items():
        where = (tasks.c.lane == lane, tasks.c.rank == rank)
        first = select(tasks.c.turn).where(ready, *where).order_by(tasks.c.turn).limit(1)
        least: int = await connection.scalar(first) or 0
        callers = list({row["caller"] for row in alike})
        latest: dict[str, int] = {}
        for first_one in range(0, len(callers), _CALLERS):
            some = callers[first_one : first_one + _CALLERS]
            values = {f"caller_{place}": caller for place, caller in enumerate(some)}
            found = await connection.execute(
                latest_turns(len(some)), {"lane": lane, "rank": rank, **values}
            )
            latest |= {some[row.place]: row.turn for row in found if row.turn is not None}
        for row in alike:
            before = latest.get(row["caller"], -1)
            row["turn"] = latest[row["caller"]] = max(before + 1, least)


@lru_cache(maxsize=_CALLERS)
def latest_turns(callers: int) -> TextClause:
    """The last turn that each of so many callers waits for: one look into the index each, however
    many tasks a caller has waiting."""
    latest = (
        f"SELECT {place} AS place, (SELECT max(turn) FROM tasks WHERE state = 1"  # noqa: S608 - our own words
        f" AND lane = :lane AND rank = :rank AND caller = :caller_{place}) AS turn"
        for place in range(callers)
    )
    names = (bindparam(f"caller_{place}", type_=AnyText) for place in range(callers))
    return text(" UNION ALL ".join(latest)).bindparams(*names)


async def _earlier(
    connection: AsyncConnection, news: Sequence[New]
) -> dict[Name, tuple[str, Work]]:
    """What is kept under the keys and ids of new tasks, by both."""
    names = {name for new in news for name in _names(new)}
    keys = [name for name in names if isinstance(name, tuple)]
    ids = [name for name in names if isinstance(name, str)]
    chosen = select(tasks.c.task_id, tasks.c.caller, tasks.c.idempotency_key, work.label("work"))
    queries: list[Any] = []
    if ids:
        queries.append(chosen.where(tasks.c.task_id.in_(ids)))
    if keys:
        kept = tuple_(tasks.c.caller, tasks.c.idempotency_key)
        queries.append(chosen.where(has_key, kept.in_(keys)))
    earlier: dict[Name, tuple[str, Work]] = {}
    for query in queries:
        for row in await connection.execute(query):
            found = row.task_id, Work.FromString(row.work)
            earlier[row.task_id] = found
            if row.idempotency_key is not None:
                earlier[row.caller, row.idempotency_key] = found
    return earlier


def _names(new: New) -> Iterator[Name]:
    """What an earlier task may have in common with one that is the same."""
    if new.given_id:
        yield new.row["task_id"]
    if new.row["idempotency_key"] is not None:
        yield new.row["caller"], new.row["idempotency_key"]


def _found(earlier: Mapping[Name, tuple[str, Work]], new: New) -> tuple[str, Work] | None:
    return next((earlier[name] for name in _names(new) if name in earlier), None)


def _same(new: New, task_id: str, work: Work) -> str | Exception:
    """The id of an earlier task of the same work."""
    if work != new.work:
        key = told_key(new.row["idempotency_key"] or new.row["task_id"])
        return IdempotencyKeyReusedError(key, task_id)
    return task_id
