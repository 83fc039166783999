"""How far a load is: who waits is told at once of what happens, and now and then of how much."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from funland.v1.inference_pb2 import Loading
from funland.worker.v1.worker_pb2 import LoadProgress
from funland_server.workers.loading import Load, Standing
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import endless, events

READING = Standing(Loading.READING)


class Changed:
    """Counts what a load tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self.count = 0
        self._again = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._again.set()

    async def again(self) -> None:
        self._again.clear()
        async with asyncio.timeout(SECONDS):
            await self._again.wait()


@pytest.mark.parametrize(
    ("progress", "standing"),
    [
        (LoadProgress(), READING),
        (LoadProgress(fraction=0), Standing(Loading.READING, 0)),
        (LoadProgress(fraction=0.5), Standing(Loading.READING, 0.5)),
        (LoadProgress(preparing=True), Standing(Loading.PREPARING)),
        (LoadProgress(fraction=1, preparing=True), Standing(Loading.PREPARING, 1)),
    ],
)
def test_a_process_says_how_far_it_is(progress: LoadProgress, standing: Standing) -> None:
    before = Standing(Loading.WAITING, None, "it waits for b", ("b",))

    assert before.after(progress) == standing


async def test_stages_are_told_at_once_and_fractions_four_times_a_second() -> None:
    load, changed = Load(lambda: 7.0), Changed()
    load.asked(changed)
    load.starts()
    load.told(LoadProgress())
    at_once = changed.count

    for percent in range(100):
        load.told(LoadProgress(fraction=percent / 100))
    in_a_burst = changed.count
    await changed.again()

    assert at_once == 2
    assert in_a_burst == at_once
    assert changed.count == at_once + 1
    assert load.standing is not None
    assert load.standing.fraction == pytest.approx(0.99)


async def test_a_load_that_ended_tells_nothing_more() -> None:
    load, changed = Load(), Changed()
    load.asked(changed)
    load.starts()
    load.told(LoadProgress())
    load.told(LoadProgress(fraction=0.5))
    told = changed.count

    load.ended()
    load.told(LoadProgress(fraction=0.7))
    load.ended()

    assert load.standing is None
    assert changed.count == told


async def test_who_asks_while_a_load_is_under_way_changes_nothing_of_it() -> None:
    load = Load()
    load.asked(Changed())
    load.waits("memory", ["b"])

    load.asked(Changed())

    assert load.standing == Standing(Loading.WAITING, None, "memory", ("b",))


async def test_a_watcher_sees_where_it_stands_and_ends_with_what_it_waits_for() -> None:
    load = Load()
    until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    load.asked(Changed())
    seen: list[Standing] = []
    async with aclosing(load.watch(until)) as standings:
        async for standing in standings:
            seen.append(standing)
            if standing.stage == Loading.WAITING:
                load.starts()
            elif standing.stage == Loading.STARTING:
                load.told(LoadProgress(fraction=0.5))
            else:
                load.ended()
                until.set_result(None)

    assert [standing.stage for standing in seen] == [
        Loading.WAITING, Loading.STARTING, Loading.READING,
    ]  # fmt: skip


async def test_a_real_load_is_told_in_order(pool: WorkerPool, spec: MakeSpec) -> None:
    acquiring = asyncio.create_task(pool.acquire(spec, "m"))
    load = pool.load_of("m")

    seen = [standing async for standing in load.watch(acquiring)]

    stages = [standing.stage for standing in seen]
    assert stages == sorted(stages)
    assert stages[0] == Loading.WAITING
    assert Loading.STARTING in stages
    read = [standing.fraction for standing in seen if standing.fraction is not None]
    assert read == sorted(read)
    assert load.standing is None
    assert (await acquiring).ready.can_chat


async def test_a_load_waits_for_the_calls_of_the_former_run(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    worker = await pool.acquire(spec, "m")
    running = events(worker, endless())
    await anext(running)
    unloading = asyncio.create_task(pool.unload("m", force=False))
    await until(lambda: pool.place("m").leaving)

    acquiring = asyncio.create_task(pool.acquire(spec, "m"))
    async with aclosing(pool.load_of("m").watch(acquiring)) as standings:
        waits = await anext(standings)
        await running.aclose()
        rest = [standing.stage async for standing in standings]

    assert waits == Standing(Loading.WAITING)
    assert Loading.STARTING in rest
    await unloading
    assert await acquiring is not worker


async def test_of_a_load_that_fails_nothing_is_left(pool: WorkerPool) -> None:
    def no_spec() -> WorkerSpec:
        raise OSError("no file")

    acquiring = asyncio.create_task(pool.acquire(no_spec, "m"))
    load = pool.load_of("m")

    seen = [standing async for standing in load.watch(acquiring)]

    assert [standing.stage for standing in seen] == [Loading.WAITING]
    assert load.standing is None
    with pytest.raises(OSError, match="no file"):
        await acquiring


async def test_a_watcher_that_leaves_ends_nothing_of_the_load(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    acquiring = asyncio.create_task(pool.acquire(spec, "m"))
    async with aclosing(pool.load_of("m").watch(acquiring)) as standings:
        await anext(standings)

    acquiring.cancel()

    async with asyncio.timeout(SECONDS):
        assert (await pool.acquire(spec, "m")).ready.can_chat
