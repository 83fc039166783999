"""Tasks in the database. What writes raises StorageFullError where the disk is full."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select, update

from funland.v1.tasks_pb2 import ListTasksRequest, Task
from funland_server.belonging import rows as belongings
from funland_server.belonging.rows import Thing
from funland_server.live import Live
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.tasks import changing, claiming, ending, reading, servers
from funland_server.tasks.claiming import Claimant, Claimed
from funland_server.tasks.clock import Clock
from funland_server.tasks.deciding import Back
from funland_server.tasks.ending import Ended
from funland_server.tasks.gathering import Gathering
from funland_server.tasks.reading import Fullness
from funland_server.tasks.running import Run
from funland_server.tasks.servers import Sign
from funland_server.tasks.submitting import New, Submitting
from funland_server.tasks.tables import (
    AnyRow,
    delayed,
    has_deadline,
    processing,
    ready,
    task_servers,
    tasks,
)


@dataclass(frozen=True, slots=True)
class Due:
    """When there is something to do next, in microseconds; None: never."""

    ready: int | None
    late: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say of tasks that are kept."""

    capacity: int
    """So many of a lane may wait."""
    keep_seconds: float
    """A task that does not say so itself is kept for so long after its end."""


class TaskStore:
    """All tasks, and the servers that run them."""

    def __init__(self, database: Database, limits: Live[Limits], clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._submitting = Submitting(database.dialect)
        self._news: Gathering[New, str] = Gathering(self._keep)
        self._ends: Gathering[Ended, bool] = Gathering(self._write)

    @property
    def shared(self) -> bool:
        """Whether other servers may have the same database."""
        return self._database.dialect != "sqlite"

    async def add(self, new: New) -> str:
        """Keeps a task; it is on the disk on return. Gives the id under which it is kept, which is
        an earlier one's if the key is.

        Raises:
            LaneFullError, IdempotencyKeyReusedError: It is not kept.
        """
        return await self._news.put(new)

    async def end(self, ended: Ended) -> bool:
        """Writes what became of a task; False: nothing, since it is not that one's any more."""
        return await self._ends.put(ended)

    async def claim(self, claimant: Claimant, places: Mapping[int, int]) -> list[Claimed]:
        """See `claiming.claim`. For a caller that is cancelled meanwhile none is claimed."""
        now = self._clock.micros()
        taken: list[Claimed] = []

        async def take(connection: AsyncConnection) -> list[Claimed]:
            taken[:] = await claiming.claim(
                connection, self._database.dialect, claimant, places, now
            )
            return list(taken)

        async def give_back(connection: AsyncConnection) -> None:
            for one in taken:
                fence = ending.Fence(claimant.server_id, one.row.attempts)
                back = Ended(one.row.task_id, Back(), fence)
                await ending.write(connection, back, now=now, keep_seconds=0)

        return await self._database.write(take, give_back=give_back)

    async def get(self, task_id: str, *, whole: bool = True) -> tuple[Task, float | None] | None:
        """See `reading.get`."""
        return await self._database.read(partial(reading.get, task_id=task_id, whole=whole))

    async def page(self, request: ListTasksRequest) -> tuple[list[Task], str, int]:
        """See `reading.page`."""
        return await self._database.read(partial(reading.page, request=request))

    async def some(self, ids: list[str]) -> list[Task]:
        """See `reading.some`."""
        return await self._database.read(partial(reading.some, ids=ids))

    async def unfinished(self) -> dict[str, int]:
        """See `reading.unfinished`."""
        return await self._database.read(reading.unfinished)

    async def revision(self, task_id: str) -> int | None:
        """What a task's row says; None: it is not kept."""

        async def find(connection: AsyncConnection) -> int | None:
            query = select(tasks.c.revision).where(tasks.c.task_id == task_id)
            return await connection.scalar(query)

        return await self._database.read(find)

    async def owner(self, task_id: str) -> str:
        """Whose a task is; empty: nobody's."""
        find = partial(belongings.owner, thing=Thing.TASK, thing_id=task_id)
        return await self._database.read(find)

    async def fullness(self) -> Fullness:
        """See `reading.fullness`."""
        self._submitting.forget_counts()  # others may have kept some
        return await self._database.read(reading.fullness)

    async def mean_seconds(self, lane: int) -> float | None:
        """See `reading.mean_seconds`."""
        return await self._database.read(partial(reading.mean_seconds, lane=lane))

    async def cancel(self, task_id: str) -> AnyRow | None:
        """See `changing.cancel`."""
        return await self._database.write(
            partial(
                changing.cancel,
                task_id=task_id,
                now=self._clock.micros(),
                keep_seconds=self._limits.now.keep_seconds,
            )
        )

    async def retry(self, task_id: str) -> None:
        """See `changing.retry`."""
        await self._database.write(
            partial(
                changing.retry,
                task_id=task_id,
                now=self._clock.micros(),
                capacity=self._limits.now.capacity,
            )
        )
        self._submitting.forget_counts()

    async def remove(self, ids: Sequence[str]) -> list[str]:
        """See `changing.remove`."""
        return await self._database.write(partial(changing.remove, ids=ids))

    async def expired(self) -> list[str]:
        """See `changing.expired`."""
        return await self._database.read(partial(changing.expired, now=self._clock.micros()))

    async def due(self) -> Due:
        """What waits for a time."""

        async def find(connection: AsyncConnection) -> Due:
            first = select(tasks.c.ready_time).where(delayed).order_by(tasks.c.ready_time).limit(1)
            late = select(tasks.c.deadline).where(has_deadline).order_by(tasks.c.deadline).limit(1)
            return Due(await connection.scalar(first), await connection.scalar(late))

        return await self._database.read(find)

    async def make_ready(self) -> int:
        """See `changing.make_ready`."""
        return await self._database.write(partial(changing.make_ready, now=self._clock.micros()))

    async def fail_late(self) -> list[str]:
        """See `changing.fail_late`."""
        return await self._database.write(
            partial(
                changing.fail_late,
                now=self._clock.micros(),
                keep_seconds=self._limits.now.keep_seconds,
            )
        )

    async def waiting_kind_beside(self, kinds: Collection[int]) -> int | None:
        """A kind of tasks that wait for nothing but their turn, and none of these; None: there is
        none."""

        async def find(connection: AsyncConnection) -> int | None:
            query = select(tasks.c.kind).where(ready, tasks.c.kind.not_in(kinds)).limit(1)
            return await connection.scalar(query)

        return await self._database.read(find)

    async def to_be_cancelled(self, server_id: str) -> list[str]:
        """The ids of a server's tasks whose end was asked for."""

        async def find(connection: AsyncConnection) -> list[str]:
            query = select(tasks.c.task_id).where(
                processing, tasks.c.owner == server_id, tasks.c.cancelling == 1
            )
            return list((await connection.execute(query)).scalars())

        return await self._database.read(find)

    async def save_progress(self, runs: Collection[Run]) -> None:
        """Writes how far tasks are."""
        told = [(run, run.told) for run in sorted(runs, key=lambda run: run.task_id)]

        async def write_all(connection: AsyncConnection) -> None:
            for run, one in told:
                await connection.execute(
                    update(tasks)
                    .where(
                        tasks.c.task_id == run.task_id,
                        processing,
                        tasks.c.owner == run.fence.owner,
                        tasks.c.attempts == run.fence.attempt,
                    )
                    .values(
                        progress_percent=one.percent,
                        progress_text=one.text,
                        revision=one.revision,
                    )
                )

        await self._database.write(write_all)
        for run, one in told:
            run.saved = one

    async def enter(
        self, server_id: str, home_id: str, kinds: Collection[int]
    ) -> tuple[list[str], dict[str, Sign]]:
        """Takes a server in, and has those tasks wait again that earlier ones of its home had;
        gives their ids, and what all servers wrote."""

        async def change(connection: AsyncConnection) -> tuple[list[str], dict[str, Sign]]:
            await servers.enter(connection, server_id, home_id, kinds)
            return await self._take_back(connection), await servers.signs(connection)

        return await self._database.write(change)

    async def beat(self, server_id: str, kinds: Collection[int]) -> dict[str, Sign] | None:
        """See `servers.beat`: what all servers wrote, or None if this one was taken for dead."""

        async def change(connection: AsyncConnection) -> dict[str, Sign] | None:
            if not await servers.beat(connection, server_id, kinds):
                return None
            return await servers.signs(connection)

        return await self._database.write(change)

    async def take_back(self, dead: Mapping[str, int]) -> list[str]:
        """Takes servers out that have given no sign since they had so many beats, and has their
        tasks wait again; gives the ids of those."""

        async def change(connection: AsyncConnection) -> list[str]:
            for server_id, beats in sorted(dead.items()):
                await servers.leave(connection, server_id, beats)
            return await self._take_back(connection)

        return await self._database.write(change)

    async def has_orphans(self) -> bool:
        """Whether tasks belong to a server that is none."""

        async def find(connection: AsyncConnection) -> bool:
            living = select(task_servers.c.server_id)
            query = select(tasks.c.task_id).where(processing, tasks.c.owner.not_in(living))
            return (await connection.execute(query.limit(1))).first() is not None

        return await self._database.read(find)

    async def leave(self, server_id: str) -> None:
        """Takes a server out that stops."""
        await self._database.write(partial(servers.leave, server_id=server_id))

    async def settled(self) -> None:
        """Returns when nothing that was asked for is under way."""
        await self._news.settled()
        await self._ends.settled()

    async def _keep(self, news: Sequence[New]) -> list[str | Exception]:
        capacity = self._limits.now.capacity
        return await self._database.write(
            partial(self._submitting.keep, news=news, capacity=capacity)
        )

    async def _write(self, ends: Sequence[Ended]) -> list[bool | Exception]:
        # In one order, so that nobody waits for who waits for them.
        order = sorted(range(len(ends)), key=lambda place: ends[place].task_id)
        now = self._clock.micros()
        keep_seconds = self._limits.now.keep_seconds

        async def write_all(connection: AsyncConnection) -> list[bool | Exception]:
            done: list[bool | Exception] = [False] * len(ends)
            for place in order:
                done[place] = await ending.write(
                    connection, ends[place], now=now, keep_seconds=keep_seconds
                )
            return done

        return await self._database.write(write_all)

    async def _take_back(self, connection: AsyncConnection) -> list[str]:
        return await servers.take_back(
            connection, now=self._clock.micros(), keep_seconds=self._limits.now.keep_seconds
        )
