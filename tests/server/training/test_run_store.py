"""The runs of a database, on either kind of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland.v1.training_pb2 import TrainingRun, TrainingStep
from funland_server.storage.database import Database
from funland_server.training.errors import TrainingRunNotFoundError
from funland_server.training.store import RunStore, Wanted

PENDING, RUNNING, COMPLETED = TrainingRun.PENDING, TrainingRun.RUNNING, TrainingRun.COMPLETED


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> RunStore:
    return RunStore(database, "here")


def made(name: str, owner: str = "", project: str = "", **more: object) -> TrainingRun:
    return TrainingRun(
        run_id=name,
        name="a\0b",  # which no text of PostgreSQL's has
        task_id=f"task-{name}",
        model_id="m",
        owner_id=owner,
        project_id=project,
        state=PENDING,
        revision=1,
        **more,  # pyright: ignore[reportArgumentType] - fields of a test's own
    )


def steps(*numbers: int, loss: float = 1.0) -> list[TrainingStep]:
    return [TrainingStep(step=number, loss=loss) for number in numbers]


async def test_a_run_is_kept_with_the_next_number(store: RunStore) -> None:
    first = await store.add(made("a"), "00", 5)
    second = await store.add(made("b"), "00", 6)

    kept = await store.get("b")

    assert (first.number, second.number) == (1, 2)
    assert (kept.run, kept.home_id, kept.rows_sha256, kept.row_count) == (second, "here", "00", 6)
    assert (await store.numbered(1)).run == first
    for name in (store.get("c"), store.numbered(3)):
        with pytest.raises(TrainingRunNotFoundError):
            await name


async def test_steps_are_kept_with_the_run_that_has_them(store: RunStore) -> None:
    await store.add(made("a"), "00", 5)
    await store.add(made("b"), "00", 5)

    def on(run: TrainingRun) -> bool:
        run.step, run.state = 3, RUNNING
        return True

    changed = await store.change("a", on, steps(1, 2, 3))
    await store.change("b", lambda _: False, steps(1, loss=9.0))
    await store.change("a", on, steps(3, loss=2.0))

    assert (changed.step, changed.revision, (await store.get("b")).run.revision) == (3, 2, 1)
    assert [step.loss for step in await store.steps_after("a", 1)] == [1.0, 2.0]
    assert [step.step for step in await store.steps_of("a", [1, 3, 7])] == [1, 3]
    assert [step.loss for step in await store.steps_after("b", 0)] == [9.0]


async def test_a_run_goes_back_to_its_checkpoint(store: RunStore) -> None:
    await store.add(made("a"), "00", 5)
    await store.change("a", lambda _: False, steps(*range(1, 1200)))

    last = await store.rewind("a", 700)

    assert last == TrainingStep(step=700, loss=1.0)
    assert await store.steps_after("a", 700) == []
    assert len(await store.steps_of("a", [*range(1, 2000)])) == 700
    assert await store.rewind("a", 0) is None


async def test_runs_are_listed_for_who_may_see_them(store: RunStore) -> None:
    for run in (made("a", "ada"), made("b", "ben", "p"), made("c"), made("d", "ada", "p")):
        await store.add(run, "00", 5)

    async def listed(wanted: Wanted, size: int = 10) -> tuple[list[str], int]:
        found, total = await store.page(wanted, size)
        return [run.run_id for run in found], total

    assert await listed(Wanted(None)) == (["d", "c", "b", "a"], 4)
    assert await listed(Wanted("ada")) == (["d", "a"], 2)
    assert await listed(Wanted("eve")) == ([], 0)
    assert await listed(Wanted("")) == ([], 0)
    assert await listed(Wanted("eve", ["p"])) == (["d", "b"], 2)
    assert await listed(Wanted(None, only_project="p")) == (["d", "b"], 2)
    assert await listed(Wanted(None, states=[COMPLETED])) == ([], 0)
    assert await listed(Wanted(None, before=3), 1) == (["b", "a"], 4)


async def test_what_a_start_needs_is_this_home_s_alone(database: Database, store: RunStore) -> None:
    await RunStore(database, "elsewhere").add(made("x"), "00", 5)
    for name in ("a", "b"):
        await store.add(made(name), "11", 5)

    def end(run: TrainingRun) -> bool:
        run.state = COMPLETED
        return True

    await store.change("b", end)

    assert [run.run_id for run in await store.unended()] == ["a"]
    assert sorted(await store.here()) == [("a", "task-a", "11"), ("b", "task-b", "11")]
    assert [run.run_id for run in await store.of_model("m")] == ["b", "a", "x"]


async def test_a_run_that_is_removed_is_gone_with_its_steps(store: RunStore) -> None:
    await store.add(made("a"), "00", 5)
    await store.change("a", lambda _: False, steps(1, 2))

    await store.remove("a")
    await store.remove("a")

    assert await store.steps_after("a", 0) == []
    with pytest.raises(TrainingRunNotFoundError):
        await store.change("a", lambda _: True)
