"""The servers that share the tasks, and which of them live."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select, update

from funland_server.storage.connections import AsyncConnection
from funland_server.tasks.deciding import after_loss
from funland_server.tasks.ending import UNTOLD, Ended, Fence, write
from funland_server.tasks.tables import processing, task_servers, tasks


@dataclass(frozen=True, slots=True)
class Sign:
    """What a server last wrote of itself."""

    beats: int
    home_id: str
    kinds: frozenset[int]


@dataclass(slots=True)
class Watch:
    """Tells the dead from the living, by this server's clock alone: others' may be wrong."""

    _seen: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """Of each server, its beats and since when it has had so many."""

    def dead(self, signs: Mapping[str, Sign], now: float, lease_seconds: float) -> list[str]:
        """Those that have given no sign of life for a lease."""
        for server_id, sign in signs.items():
            known = self._seen.get(server_id)
            if known is None or known[0] != sign.beats:
                self._seen[server_id] = sign.beats, now
        for server_id in self._seen.keys() - signs.keys():
            del self._seen[server_id]
        return [one for one, (_, since) in self._seen.items() if now - since > lease_seconds]


async def enter(
    connection: AsyncConnection, server_id: str, home_id: str, kinds: Collection[int]
) -> list[str]:
    """Takes a server in, and the earlier ones of its home out; gives their ids."""
    earlier = await connection.execute(
        delete(task_servers)
        .where(task_servers.c.home_id == home_id)
        .returning(task_servers.c.server_id)
    )
    ids = list(earlier.scalars())
    row = {"server_id": server_id, "home_id": home_id, "beats": 1, "kinds": _told(kinds)}
    await connection.execute(insert(task_servers).values(row))
    return ids


async def beat(connection: AsyncConnection, server_id: str, kinds: Collection[int]) -> bool:
    """Writes that a server lives; False: it was taken for dead, and others have its tasks."""
    alive = await connection.execute(
        update(task_servers)
        .where(task_servers.c.server_id == server_id)
        .values(beats=task_servers.c.beats + 1, kinds=_told(kinds))
    )
    return bool(alive.rowcount)


async def signs(connection: AsyncConnection) -> dict[str, Sign]:
    """What each server last wrote of itself."""
    return {
        row.server_id: Sign(
            row.beats, row.home_id, frozenset(int(kind) for kind in row.kinds.split(",") if kind)
        )
        for row in await connection.execute(select(task_servers))
    }


async def leave(connection: AsyncConnection, server_id: str, beats: int | None = None) -> bool:
    """Takes a server out; with `beats`, only if it has given no sign since."""
    query = delete(task_servers).where(task_servers.c.server_id == server_id)
    if beats is not None:
        query = query.where(task_servers.c.beats == beats)
    return bool((await connection.execute(query)).rowcount)


async def take_back(connection: AsyncConnection, *, now: int, keep_seconds: float) -> list[str]:
    """Has those wait again whose server is none of those that live; gives their ids."""
    living = select(task_servers.c.server_id)
    query = (
        select(
            tasks.c.task_id, tasks.c.owner, tasks.c.attempts, tasks.c.losses, tasks.c.cancelling,
            tasks.c.deadline, tasks.c.revision,
        )
        .where(processing, tasks.c.owner.not_in(living))
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    taken: list[str] = []
    for row in (await connection.execute(query)).all():
        verdict = after_loss(
            row.task_id,
            row.losses,
            cancelling=bool(row.cancelling),
            deadline=row.deadline,
            now=now,
        )
        fence = Fence(row.owner, row.attempts)
        # What its server told of it last may not be written.
        ended = Ended(row.task_id, verdict, fence, row.revision + UNTOLD)
        if await write(connection, ended, now=now, keep_seconds=keep_seconds):
            taken.append(row.task_id)
    return taken


def _told(kinds: Iterable[int]) -> str:
    return ",".join(str(kind) for kind in sorted(kinds))
