"""Several workers of one model: each has a key, and counts as one."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import TokenizeText
from funland_server.config import ServerSettings
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.errors import ModelTooLargeError, WorkerLostError
from funland_server.workers.place import Place
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from tests.processes import children
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import MakePool, drain, endless

NEEDED = 200 * 1024**2
FIRST, SECOND = "deploy_1/0", "deploy_1/1"


@pytest.fixture
def sized(model_path: Path) -> MakeSpec:
    return lambda: WorkerSpec("m", model_path, LoadSettings(slots=2), 512, needed_bytes=NEEDED)


async def test_instances_of_a_model_are_workers_of_their_own(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    first = await pool.acquire(spec, "m", FIRST)
    second, again = await asyncio.gather(
        pool.load(spec, "m", spec().settings, SECOND), pool.acquire(spec, "m", FIRST)
    )

    assert again is first is not second
    assert {process.pid for process in children()} == {first.process.pid, second.process.pid}
    assert [worker.model_id for worker in (first, second)] == ["m", "m"]
    assert [pool.worker(key) for key in (FIRST, SECOND, "m")] == [first, second, None]

    await pool.unload(FIRST, force=False)

    assert pool.worker(FIRST) is None
    assert await second.tokenize(TokenizeText(text="a"))


async def test_each_instance_takes_its_room(make_pool: MakePool, sized: MakeSpec) -> None:
    pool = make_pool(memory_limit_bytes=int(2.5 * NEEDED))
    for key in (FIRST, SECOND):
        await pool.acquire(sized, "m", key)

    await pool.acquire(sized, "m")

    assert [pool.worker(key) is None for key in (FIRST, SECOND, "m")] == [True, False, False]

    def huge() -> WorkerSpec:
        return replace(sized(), needed_bytes=3 * NEEDED)

    with pytest.raises(ModelTooLargeError) as raised:
        await pool.acquire(huge, "m", FIRST)
    assert raised.value.metadata["model"] == "m"


async def test_a_lost_instance_comes_back_and_its_change_is_told(
    settings: ServerSettings, spec: MakeSpec
) -> None:
    told: list[Place] = []
    metrics = Metrics()
    pool = WorkerPool(Live(settings), metrics, told.append)
    worker = await pool.acquire(spec, "m", FIRST)
    call = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    os.kill(worker.process.pid, signal.SIGKILL)

    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkerLostError, match="'m'"):
            await call
    await until(lambda: pool.worker(FIRST) not in (None, worker))
    assert {(place.key, place.model_id) for place in told} == {(FIRST, "m")}
    restarts = metrics.registry.get_sample_value("funland_worker_restarts_total", {"model": "m"})
    assert restarts == 1
    assert pool.backing_off() == []
    await pool.close()


async def test_an_instance_that_is_forgotten_leaves_nothing(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    await pool.acquire(spec, "m", FIRST)

    await pool.forget(FIRST)

    assert pool.places() == []
    assert not children()
