"""Training runs and their steps in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, or_, select, update

from funland.v1.training_pb2 import TrainingRun, TrainingStep
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.training.errors import TrainingRunNotFoundError
from funland_server.training.machine import GOES_ON
from funland_server.training.tables import training_runs, training_steps

_id = training_runs.c.run_id
_AT_ONCE: Final = 500
"""Steps that one statement reads or writes."""
AnyRow = Row[*tuple[Any, ...]]

Change = Callable[[TrainingRun], bool]
"""Changes a run in place; False: it stays as it is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run, and what callers are not told of it."""

    run: TrainingRun
    home_id: str
    rows_sha256: str
    row_count: int


class Here(NamedTuple):
    """A run of a home."""

    run_id: str
    task_id: str
    rows_sha256: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are looked for."""

    owner_id: str | None
    """None: whoever made them."""
    project_ids: Sequence[str] = ()
    """Those of these projects too."""
    only_project: str = ""
    """None but those of this one."""
    states: Sequence[TrainingRun.State.ValueType] = ()
    """None but those in one of these; empty: in any."""
    before: int = 0
    """Before that of this number; 0: from the newest on."""


@dataclass(frozen=True, slots=True)
class RunStore:
    """The runs of all homes that share a database. What writes raises StorageFullError where the
    disk is full; each write may be made twice."""

    database: Database
    home_id: str

    async def add(self, run: TrainingRun, rows_sha256: str, row_count: int) -> TrainingRun:
        """Keeps a run of this home, which gets the next number; for a caller that is cancelled it
        is not kept."""

        async def insert_it(connection: AsyncConnection) -> TrainingRun:
            highest = await connection.execute(select(func.max(training_runs.c.number)))
            run.number = (highest.scalar_one() or 0) + 1
            values = {
                "run_id": run.run_id,
                "number": run.number,
                "home_id": self.home_id,
                "owner_id": run.owner_id,
                "project_id": run.project_id,
                "model_id": run.model_id,
                "rows_sha256": rows_sha256,
                "row_count": row_count,
                **_changing(run),
            }
            await connection.execute(insert(training_runs).values(values))
            return run

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(delete(training_runs).where(_id == run.run_id))

        return await self.database.write(insert_it, give_back=take_it_back)

    async def get(self, run_id: str) -> Kept:
        """A run; raises TrainingRunNotFoundError."""
        return await self._one(run_id, _id == run_id)

    async def numbered(self, number: int) -> Kept:
        """The run of a number; raises TrainingRunNotFoundError."""
        return await self._one(str(number), training_runs.c.number == number)

    async def change(
        self, run_id: str, change: Change, steps: Sequence[TrainingStep] = ()
    ) -> TrainingRun:
        """Has a run changed, keeps steps of it that are new, and gives it as it then is; raises
        TrainingRunNotFoundError."""

        async def change_it(connection: AsyncConnection) -> TrainingRun:
            run = await _locked(connection, run_id)
            await _insert(connection, run_id, steps)
            if change(run):
                run.revision += 1
                await connection.execute(
                    update(training_runs).where(_id == run_id).values(_changing(run))
                )
            return run

        return await self.database.write(change_it)

    async def rewind(self, run_id: str, step: int) -> TrainingStep | None:
        """Forgets the steps behind one, and gives that; None: it has none. Raises
        TrainingRunNotFoundError."""

        async def forget(connection: AsyncConnection) -> bytes | None:
            await _locked(connection, run_id)
            own = training_steps.c.run_id == run_id
            await connection.execute(
                delete(training_steps).where(own, training_steps.c.step > step)
            )
            found = await connection.execute(
                select(training_steps.c.figures).where(own, training_steps.c.step == step)
            )
            return found.scalar_one_or_none()

        found = await self.database.write(forget)
        return None if found is None else TrainingStep.FromString(found)

    async def steps_after(self, run_id: str, step: int) -> list[TrainingStep]:
        """The next steps behind one, some at a time."""
        query = (
            select(training_steps.c.figures)
            .where(training_steps.c.run_id == run_id, training_steps.c.step > step)
            .order_by(training_steps.c.step)
            .limit(_AT_ONCE)
        )
        return [TrainingStep.FromString(one) for one in await self._all(query)]

    async def steps_of(self, run_id: str, numbers: Sequence[int]) -> list[TrainingStep]:
        """The steps of these numbers, in order, as far as they are there."""
        found: list[TrainingStep] = []
        for first in range(0, len(numbers), _AT_ONCE):
            query = (
                select(training_steps.c.figures)
                .where(
                    training_steps.c.run_id == run_id,
                    training_steps.c.step.in_(numbers[first : first + _AT_ONCE]),
                )
                .order_by(training_steps.c.step)
            )
            found += [TrainingStep.FromString(one) for one in await self._all(query)]
        return found

    async def page(self, wanted: Wanted, size: int) -> tuple[list[TrainingRun], int]:
        """Runs, the newest first, one more than `size` at most, and how many there are in all."""
        conditions = _chosen(wanted)
        query = select(training_runs.c.run).where(*conditions)
        if wanted.before:
            query = query.where(training_runs.c.number < wanted.before)
        query = query.order_by(training_runs.c.number.desc()).limit(size + 1)
        count = select(func.count()).select_from(training_runs).where(*conditions)

        async def find(connection: AsyncConnection) -> tuple[list[TrainingRun], int]:
            rows = (await connection.execute(query)).scalars()
            total = (await connection.execute(count)).scalar_one()
            return [TrainingRun.FromString(one) for one in rows], total

        return await self.database.read(find)

    async def unended(self) -> list[TrainingRun]:
        """Those of this home that wait or run."""
        query = select(training_runs.c.run).where(
            training_runs.c.home_id == self.home_id, training_runs.c.state.in_(GOES_ON)
        )
        return [TrainingRun.FromString(one) for one in await self._all(query)]

    async def of_model(self, model_id: str) -> list[TrainingRun]:
        """The newest runs of a model, the newest first."""
        query = (
            select(training_runs.c.run)
            .where(training_runs.c.model_id == model_id)
            .order_by(training_runs.c.number.desc())
            .limit(_AT_ONCE)
        )
        return [TrainingRun.FromString(one) for one in await self._all(query)]

    async def here(self) -> list[Here]:
        """All of this home."""
        columns = (_id, training_runs.c.task_id, training_runs.c.rows_sha256)
        query = select(*columns).where(training_runs.c.home_id == self.home_id)

        async def find(connection: AsyncConnection) -> list[Here]:
            return [Here(*row) for row in await connection.execute(query)]

        return await self.database.read(find)

    async def remove(self, run_id: str) -> None:
        """Forgets a run and its steps; it is no error if there is none."""

        async def delete_it(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(training_steps).where(training_steps.c.run_id == run_id)
            )
            await connection.execute(delete(training_runs).where(_id == run_id))

        await self.database.write(delete_it)

    async def _one(self, name: str, condition: ColumnElement[bool]) -> Kept:
        async def find(connection: AsyncConnection) -> AnyRow | None:
            return (await connection.execute(select(training_runs).where(condition))).one_or_none()

        row = await self.database.read(find)
        if row is None:
            raise TrainingRunNotFoundError(name)
        return Kept(TrainingRun.FromString(row.run), row.home_id, row.rows_sha256, row.row_count)

    async def _all(self, query: Select[Any]) -> list[Any]:
        async def find(connection: AsyncConnection) -> list[Any]:
            return list((await connection.execute(query)).scalars())

        return await self.database.read(find)


async def _locked(connection: AsyncConnection, run_id: str) -> TrainingRun:
    query = select(training_runs.c.run).where(_id == run_id).with_for_update()
    found = (await connection.execute(query)).scalar_one_or_none()
    if found is None:
        raise TrainingRunNotFoundError(run_id)
    return TrainingRun.FromString(found)


async def _insert(connection: AsyncConnection, run_id: str, steps: Sequence[TrainingStep]) -> None:
    """Steps that are there already are told anew by a run that went on from before them."""
    for first in range(0, len(steps), _AT_ONCE):
        some = steps[first : first + _AT_ONCE]
        own = training_steps.c.run_id == run_id
        numbers = [step.step for step in some]
        await connection.execute(
            delete(training_steps).where(own, training_steps.c.step.in_(numbers))
        )
        rows = [
            {"run_id": run_id, "step": step.step, "figures": step.SerializeToString()}
            for step in some
        ]
        await connection.execute(insert(training_steps), rows)


def _changing(run: TrainingRun) -> dict[str, Any]:
    return {"task_id": run.task_id, "state": run.state, "run": run.SerializeToString()}


def _chosen(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.owner_id is not None:
        own = (training_runs.c.owner_id == wanted.owner_id) & (training_runs.c.owner_id != "")
        conditions.append(or_(own, training_runs.c.project_id.in_(wanted.project_ids)))
    if wanted.only_project:
        conditions.append(training_runs.c.project_id == wanted.only_project)
    if wanted.states:
        conditions.append(training_runs.c.state.in_(wanted.states))
    return conditions
