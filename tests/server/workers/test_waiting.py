"""A model that finds no room because others are busy waits, and real workers race."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import TokenizeText
from funland_server.config import ServerSettings
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.calls import ModelCalls
from funland_server.workers.errors import ModelTooLargeError, ModelUnloadedError, QueueFullError
from funland_server.workers.holds import Hold
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from funland_server.workers.taken import Taken
from funland_server.workers.worker import Worker
from tests.processes import children
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import drain, short

NEEDED = 150 * 1024**2
LIMIT = NEEDED + 10 * 1024**2
"""Room for one: none of these workers takes less than half of it."""


@pytest.fixture
def live(settings: ServerSettings) -> Live[ServerSettings]:
    changes = {"memory_limit_bytes": LIMIT, "load_wait_seconds": SECONDS, "queue_limit": 3}
    return Live(settings.model_copy(update=changes))


@pytest.fixture
async def room_for_one(live: Live[ServerSettings]) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(live, Metrics(), lambda _: None)
    yield pool
    await pool.close()


@pytest.fixture
def named(model_path: Path) -> dict[str, MakeSpec]:
    """The same model under several ids."""

    def spec(model_id: str) -> MakeSpec:
        settings = LoadSettings(slots=2)
        return lambda: WorkerSpec(model_id, model_path, settings, 512, needed_bytes=NEEDED)

    return {model_id: spec(model_id) for model_id in ("a", "b", "c")}


@pytest.fixture
async def busy(room_for_one: WorkerPool, named: dict[str, MakeSpec]) -> AsyncIterator[ExitStack]:
    """A call of model `a` that goes on until this is closed."""
    worker = await room_for_one.acquire(named["a"], "a")
    with ExitStack() as call:
        call.enter_context(worker.sequence(short()))
        yield call


def acquire(pool: WorkerPool, named: dict[str, MakeSpec], model_id: str) -> asyncio.Task[Worker]:
    return asyncio.create_task(pool.acquire(named[model_id], model_id))


async def waits(pool: WorkerPool, model_id: str) -> None:
    await until(lambda: pool.place(model_id).load.waits_for is not None)


async def test_a_call_waits_for_busy_models_and_is_told_why(
    room_for_one: WorkerPool, named: dict[str, MakeSpec], busy: ExitStack
) -> None:
    waiting = acquire(room_for_one, named, "b")
    await waits(room_for_one, "b")
    awaited = room_for_one.place("b").load.waits_for

    assert room_for_one.worker("a") is not None
    busy.close()
    async with asyncio.timeout(SECONDS):
        worker = await waiting

    assert awaited is not None
    assert (awaited.waiting_for, awaited.waiting_for_models) == ("a has 1 call", ("a",))
    assert room_for_one.place("b").load.waits_for is None
    assert room_for_one.worker("a") is None
    assert [process.pid for process in children()] == [worker.process.pid]


@pytest.mark.usefixtures("busy")
async def test_it_waits_only_as_long_as_the_settings_have_it(
    room_for_one: WorkerPool, live: Live[ServerSettings], named: dict[str, MakeSpec]
) -> None:
    live.put(live.now.model_copy(update={"load_wait_seconds": 0}))

    with pytest.raises(ModelTooLargeError, match="Now a has 1 call") as raised:
        await room_for_one.acquire(named["b"], "b")

    assert raised.value.metadata["needed_bytes"] == str(NEEDED)


async def test_who_goes_away_waits_no_longer(
    room_for_one: WorkerPool, named: dict[str, MakeSpec], busy: ExitStack
) -> None:
    first, second = (acquire(room_for_one, named, "b") for _ in range(2))
    await waits(room_for_one, "b")

    first.cancel()
    await asyncio.wait([first])
    assert room_for_one.place("b").load.waits_for is not None  # another caller waits for it still
    second.cancel()
    await until(lambda: not room_for_one.place("b").loading)

    assert room_for_one.place("b").error is None
    assert room_for_one.worker("a") is not None
    third = acquire(room_for_one, named, "b")
    await waits(room_for_one, "b")
    busy.close()
    async with asyncio.timeout(SECONDS):
        assert await (await third).tokenize(TokenizeText(text="a"))


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("how", ["unload", "force", "forget"])
async def test_what_waits_is_unloaded_at_once(
    room_for_one: WorkerPool, named: dict[str, MakeSpec], how: str
) -> None:
    waiting = acquire(room_for_one, named, "b")
    await waits(room_for_one, "b")

    async with asyncio.timeout(SECONDS):
        if how == "forget":
            await room_for_one.forget("b")
        else:
            await room_for_one.unload("b", force=how == "force")
        with pytest.raises(ModelUnloadedError):
            await waiting

    assert room_for_one.place("b").error is None
    assert room_for_one.worker("a") is not None


@pytest.mark.usefixtures("busy")
async def test_no_more_calls_wait_than_may(
    room_for_one: WorkerPool, named: dict[str, MakeSpec]
) -> None:
    waiting = [acquire(room_for_one, named, "b") for _ in range(3)]
    await waits(room_for_one, "b")

    with pytest.raises(QueueFullError) as raised:
        await room_for_one.acquire(named["b"], "b")

    assert raised.value.metadata == {"model": "b", "queue_limit": "3"}
    assert not any(call.done() for call in waiting)
    for call in waiting:
        call.cancel()
    await asyncio.wait(waiting)


@pytest.mark.usefixtures("busy")
async def test_more_memory_lets_it_begin(
    room_for_one: WorkerPool, live: Live[ServerSettings], named: dict[str, MakeSpec]
) -> None:
    waiting = acquire(room_for_one, named, "b")
    await waits(room_for_one, "b")

    live.put(live.now.model_copy(update={"memory_limit_bytes": 3 * LIMIT}))

    async with asyncio.timeout(SECONDS):
        assert await waiting is room_for_one.worker("b")
    assert room_for_one.worker("a") is not None


@pytest.mark.usefixtures("busy")
async def test_the_memory_of_a_lost_worker_goes_to_whoever_waits_for_it(
    room_for_one: WorkerPool, named: dict[str, MakeSpec]
) -> None:
    waiting = acquire(room_for_one, named, "b")
    await waits(room_for_one, "b")
    worker = room_for_one.worker("a")
    assert worker is not None

    worker.process.kill()

    async with asyncio.timeout(SECONDS):
        assert await waiting is room_for_one.worker("b")


async def test_another_run_waits_and_the_former_goes_on(
    room_for_one: WorkerPool, named: dict[str, MakeSpec], live: Live[ServerSettings]
) -> None:
    live.put(live.now.model_copy(update={"memory_limit_bytes": 2 * LIMIT}))
    former = await room_for_one.acquire(named["a"], "a")
    other = await room_for_one.acquire(named["b"], "b")
    wanted = LoadSettings(slots=1)

    def larger() -> WorkerSpec:
        return WorkerSpec("a", named["a"]().path, wanted, 512, needed_bytes=2 * NEEDED)

    with other.sequence(short()):
        loading = asyncio.create_task(room_for_one.load(larger, "a", wanted))
        await waits(room_for_one, "a")

        assert await room_for_one.acquire(named["a"], "a") is former
        assert await former.tokenize(TokenizeText(text="a"))

    async with asyncio.timeout(SECONDS):
        worker = await loading
    assert (worker is former, worker.ready.slots) == (False, 1)
    assert room_for_one.worker("b") is None


async def test_two_models_that_need_the_same_memory_answer_all_their_calls(
    room_for_one: WorkerPool, named: dict[str, MakeSpec]
) -> None:
    async def calls(model_id: str) -> list[int]:
        def present() -> asyncio.Task[Worker]:
            return acquire(room_for_one, named, model_id)

        told: list[int] = []
        for _ in range(3):
            model = ModelCalls(await present(), present)
            await model.tokenize(TokenizeText(text="a"))
            told.append(await drain(model, short()))
        return told

    async with asyncio.timeout(4 * SECONDS):
        assert await asyncio.gather(*map(calls, "ab")) == [[3, 3, 3], [3, 3, 3]]


async def test_a_call_that_comes_while_a_model_leaves_is_not_ended_with_it(
    live: Live[ServerSettings], named: dict[str, MakeSpec]
) -> None:
    leaves, goes_on = asyncio.Event(), asyncio.Event()

    async def note(worker: Worker) -> None:
        if worker.over:
            leaves.set()
            await goes_on.wait()

    pool = WorkerPool(live, Metrics(), lambda _: None, note)
    worker = await pool.acquire(named["a"], "a")
    unloading = asyncio.create_task(pool.unload("a", force=False))
    await leaves.wait()

    model = ModelCalls(worker, lambda: pool.acquire(named["a"], "a"))
    call = asyncio.create_task(drain(model, short()))
    goes_on.set()

    async with asyncio.timeout(SECONDS):
        assert await call == 3
        await unloading
    assert pool.worker("a") not in (None, worker)
    await pool.close()


async def test_what_is_held_leaves_neither_unused_nor_for_others(
    room_for_one: WorkerPool, named: dict[str, MakeSpec], live: Live[ServerSettings]
) -> None:
    live.put(live.now.model_copy(update={"load_wait_seconds": 0}))
    brief = LoadSettings(keep_alive_seconds=0)

    def unused() -> WorkerSpec:
        return WorkerSpec("a", named["a"]().path, brief, 512, needed_bytes=NEEDED)

    room_for_one.hold("a", Hold())
    worker = await room_for_one.acquire(unused, "a")

    with pytest.raises(ModelTooLargeError, match="Now a is pinned"):
        await room_for_one.acquire(named["b"], "b")
    assert await worker.tokenize(TokenizeText(text="a"))
    assert room_for_one.place("a").unload_seconds is None

    room_for_one.release("a")
    await until(lambda: room_for_one.worker("a") is None)


async def test_a_defect_of_placing_is_told_to_whoever_waits_and_to_nobody_else(
    room_for_one: WorkerPool, named: dict[str, MakeSpec]
) -> None:
    class Broken:
        def place(self, spec: WorkerSpec, taken: Taken) -> WorkerSpec:
            raise ZeroDivisionError

        def instead(self, spec: WorkerSpec, error: FunlandError) -> WorkerSpec | None:
            return None

    def broken() -> WorkerSpec:
        return replace(named["b"](), placer=Broken())

    with pytest.raises(ZeroDivisionError):
        await room_for_one.acquire(broken, "b")

    assert await room_for_one.acquire(named["a"], "a")
