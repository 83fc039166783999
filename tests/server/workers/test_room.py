"""Models leave for others when the memory is full, and by themselves when nobody calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Step, TokenizeText
from funland_server.workers.errors import ModelLoadFailedError, ModelTooLargeError
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from tests.processes import children
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import MakePool, drain, endless, events, short

MIB = 1024**2
NEEDED = 200 * MIB
"""More than any of these workers takes, so that each counts with it until it has had a call."""


@pytest.fixture
def named(model_path: Path) -> dict[str, MakeSpec]:
    """The same model under four ids."""

    def spec(model_id: str) -> MakeSpec:
        settings = LoadSettings(slots=2)
        return lambda: WorkerSpec(model_id, model_path, settings, 512, needed_bytes=NEEDED)

    return {model_id: spec(model_id) for model_id in ("a", "b", "c", "d")}


def unheard(step: Step, tokens: int) -> None:
    """For who does not look at steps."""


async def load(pool: WorkerPool, named: dict[str, MakeSpec], *model_ids: str) -> None:
    for model_id in model_ids:
        await pool.acquire(named[model_id], model_id)


def loaded(pool: WorkerPool) -> list[str]:
    return [model_id for model_id in ("a", "b", "c", "d") if pool.worker(model_id)]


async def test_the_least_recently_used_idle_model_leaves(
    make_pool: MakePool, named: dict[str, MakeSpec]
) -> None:
    pool = make_pool(memory_limit_bytes=3 * NEEDED)
    await load(pool, named, "a", "b", "c")
    oldest = pool.worker("a")
    assert oldest is not None
    told = events(oldest, short())
    await anext(told)  # a call is under way until it is read to its end

    await load(pool, named, "d")

    assert loaded(pool) == ["a", "c", "d"]
    async with asyncio.timeout(SECONDS):
        assert [event async for event in told][-1].HasField("finish")


async def test_nothing_leaves_for_a_model_that_does_not_fit_anyway(
    make_pool: MakePool, named: dict[str, MakeSpec]
) -> None:
    pool = make_pool(memory_limit_bytes=int(1.5 * NEEDED))
    await load(pool, named, "a")
    processes = {process.pid for process in children()}

    def huge() -> WorkerSpec:
        return WorkerSpec("b", named["b"]().path, LoadSettings(), 512, needed_bytes=2 * NEEDED)

    with pytest.raises(ModelTooLargeError) as raised:
        await pool.acquire(huge, "b")

    assert raised.value.metadata == {
        "model": "b",
        "needed_bytes": str(2 * NEEDED),
        "available_bytes": str(int(1.5 * NEEDED)),
    }
    assert loaded(pool) == ["a"]
    assert {process.pid for process in children()} == processes
    assert pool.place("b").error is raised.value


async def test_loads_at_once_do_not_share_their_room(
    make_pool: MakePool, named: dict[str, MakeSpec]
) -> None:
    pool = make_pool(memory_limit_bytes=int(2.5 * NEEDED), load_wait_seconds=0)

    results = await asyncio.gather(
        *(pool.acquire(named[model_id], model_id) for model_id in "abc"), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, ModelTooLargeError)]
    assert len(refused) == 1
    assert len(loaded(pool)) == 2


async def test_what_a_model_took_counts_for_its_next_load(
    make_pool: MakePool, named: dict[str, MakeSpec]
) -> None:
    pool = make_pool(memory_limit_bytes=int(1.8 * NEEDED))
    worker = await pool.acquire(named["a"], "a")
    await worker.tokenize(TokenizeText(text="a"))
    took = worker.memory_bytes
    assert took is not None
    assert took < 0.8 * NEEDED  # else the test shows nothing
    await pool.unload("a", force=False)
    await load(pool, named, "b")

    await load(pool, named, "a")

    assert loaded(pool) == ["a", "b"]


async def test_a_guest_takes_its_room_while_it_is_there(
    make_pool: MakePool, named: dict[str, MakeSpec]
) -> None:
    pool = make_pool(memory_limit_bytes=int(2.5 * NEEDED))
    await load(pool, named, "a")
    free = pool.available_bytes("b")

    async with pool.guests.loaded(named["a"], unheard) as guest:
        assert await drain(guest, short()) == 3
        assert pool.worker("a") is not guest
        assert pool.available_bytes("b") < free
        with pytest.raises(ModelTooLargeError):  # "a" is idle, and stays
            async with pool.guests.loaded(named["b"], unheard):
                pass

    assert guest.over
    assert pool.available_bytes("b") > free - NEEDED // 10  # but for what others took meanwhile
    assert loaded(pool) == ["a"]


async def test_a_model_that_nobody_calls_is_unloaded(make_pool: MakePool, model_path: Path) -> None:
    pool = make_pool()
    settings = LoadSettings(slots=2, keep_alive_seconds=0)
    worker = await pool.acquire(lambda: WorkerSpec("m", model_path, settings, 512), "m")
    call = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)
    assert pool.place("m").unload_seconds is None

    async with asyncio.timeout(SECONDS):
        assert await call
    await until(lambda: pool.worker("m") is None)

    await until(lambda: not children())


async def test_how_long_a_model_is_kept_changes_without_a_load(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    worker = await pool.acquire(spec, "m")
    assert pool.place("m").unload_seconds is None

    brief = LoadSettings(keep_alive_seconds=60)
    assert await pool.load(spec, "m", brief) is worker
    seconds = pool.place("m").unload_seconds
    assert seconds is not None
    assert 50 < seconds <= 60

    await pool.load(spec, "m", LoadSettings(keep_alive_seconds=0))
    await until(lambda: pool.worker("m") is None)


async def test_a_run_that_does_not_fit_leaves_the_one_there_is(
    make_pool: MakePool, named: dict[str, MakeSpec]
) -> None:
    pool = make_pool(memory_limit_bytes=2 * NEEDED)
    worker = await pool.acquire(named["a"], "a")
    wanted = LoadSettings(slots=200)

    def huge() -> WorkerSpec:
        return WorkerSpec("a", named["a"]().path, wanted, 512, needed_bytes=3 * NEEDED)

    with pytest.raises(ModelTooLargeError):
        await pool.load(huge, "a", wanted)

    assert pool.worker("a") is worker


async def test_a_worker_that_takes_more_than_its_limit_dies_alone(
    pool: WorkerPool, spec: MakeSpec, model_path: Path
) -> None:
    # A million tokens take 7 GB.
    greedy = LoadSettings(slots=1, context_length=1_000_000, cache=LoadSettings.UNIFIED)

    def limited() -> WorkerSpec:
        return WorkerSpec("greedy", model_path, greedy, 512, memory_limit_bytes=64 * MIB)

    with pytest.raises(ModelLoadFailedError):
        await pool.acquire(limited, "greedy")

    assert pool.worker("greedy") is None
    async with asyncio.timeout(SECONDS):
        assert await (await pool.acquire(spec, "m")).tokenize(TokenizeText(text="a"))
