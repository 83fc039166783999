"""Webhooks in the database: claimed by one server at a time, and what came of telling them."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, and_, func, select, text, update

from funland.v1.tasks_pb2 import Task, WebhookDelivery
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.tasks.rows import task_of
from funland_server.tasks.tables import shown, task_webhooks, tasks
from funland_server.tasks.webhooks.places import Places
from funland_server.tasks.webhooks.schedule import Outcome

LEASE: Final = 30 * 10**6
"""Microseconds that a server has for one try; then another may think it gone. Longer than the
deadline of a request."""

sending: Final = text("task_webhooks.state = 2")
"""Whether one of a row is SENDING, in the words of the index for it."""

_it = task_webhooks.c


@dataclass(frozen=True, slots=True)
class Claimed:
    """One that this server is to tell now."""

    task: Task
    """It has ended; without work and result."""
    url: str
    secret: str = field(repr=False)
    """Empty: that of the settings."""
    attempts: int
    """Which try it is, from 1."""
    end_time: int
    """In microseconds."""


@dataclass(frozen=True, slots=True)
class WebhookStore:
    """Those of all tasks of a database."""

    database: Database
    home_id: str
    """Whose server claims: an earlier start of it claims nothing any more."""
    start_id: str = field(default_factory=lambda: secrets.token_hex(8))
    """Which start of it."""

    @property
    def owner(self) -> str:
        """Who claims."""
        return f"{self.home_id}.{self.start_id}"

    async def take_back(self) -> None:
        """Has those be due at once that an earlier start of the home was telling."""
        earlier = _it.owner.startswith(f"{self.home_id}.", autoescape=True)

        async def write(connection: AsyncConnection) -> None:
            query = update(task_webhooks).where(sending, earlier, _it.owner != self.owner)
            await connection.execute(query.values(owner=None, next_time=_it.next_time - LEASE))

        await self.database.write(write)

    async def next_time(self) -> int | None:
        """When the next is due, those included that another server tells and may never end; None:
        none is."""

        async def read(connection: AsyncConnection) -> int | None:
            return await connection.scalar(select(func.min(_it.next_time)).where(sending))

        return await self.database.read(read)

    async def claim(self, places: Places, now: int) -> list[Claimed]:
        """Takes some that are due, as many as there are places for; each is due again when its
        lease is over."""

        async def write(connection: AsyncConnection) -> list[Claimed]:
            rows = (await connection.execute(due(now, places.free, places.full))).all()
            ids = places.chosen((row.task_id, row.url) for row in rows)
            if not ids:
                return []
            taken = {
                "owner": self.owner,
                "attempts": _it.attempts + 1,
                "next_time": now + LEASE,
            }
            which = _it.task_id.in_(ids)
            await connection.execute(update(task_webhooks).where(which).values(taken))
            query = select(*shown, _it.url, _it.secret, _it.attempts.label("tries")).join(
                task_webhooks, _it.task_id == tasks.c.task_id
            )
            found = await connection.execute(query.where(which))
            return [
                Claimed(task_of(row), row.url, row.secret, row.tries, row.end_time) for row in found
            ]

        return await self.database.write(write)

    async def put(self, claimed: Claimed, outcome: Outcome) -> bool:
        """Writes what came of a try; False: it is not this server's any more. The secret goes when
        nothing can be told any more: a task that failed may be begun anew."""
        values: dict[str, Any] = {
            "state": outcome.state,
            "owner": None,
            "next_time": outcome.next_time,
            "last_error": outcome.why,
        }
        over = outcome.state != WebhookDelivery.SENDING
        if over and claimed.task.state == Task.COMPLETED:
            values["secret"] = ""
        mine = (
            _it.task_id == claimed.task.task_id,
            _it.owner == self.owner,
            _it.attempts == claimed.attempts,
            sending,
        )

        async def write(connection: AsyncConnection) -> bool:
            done = await connection.execute(update(task_webhooks).where(*mine).values(values))
            return bool(done.rowcount)

        return await self.database.write(write)


def due(now: int, most: int, full: Collection[str] = ()) -> Select[*tuple[Any, ...]]:
    """The ids and URLs of tasks whose ends are to be told, locked; those that another server is
    just taking are not among them, nor those of origins that are `full`."""
    others = (
        and_(
            _it.url != origin,
            *(~_it.url.startswith(origin + end, autoescape=True) for end in "/?#"),
        )
        for origin in full
    )
    return (
        select(_it.task_id, _it.url)
        .where(sending, _it.next_time <= now, *others)
        .order_by(_it.next_time)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
