"""The pool and real worker processes: loads once, waits or forces, brings back what was lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from funland.v1.inference_pb2 import SamplingParameters
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Submit, TokenizeText
from funland_server.config import ServerSettings
from funland_server.errors import (
    ModelLoadFailedError,
    ModelUnloadedError,
    ServerStoppingError,
    WorkerLostError,
)
from funland_server.metrics import Metrics
from funland_server.workers import pool as pool_module
from funland_server.workers.launch import WorkerSpec
from funland_server.workers.pool import WorkerPool
from funland_server.workers.worker import Worker
from tests.server.conftest import SECONDS, until

Spec = Callable[[], WorkerSpec]

ENDLESS = Submit(
    prompt="Once upon a time", sampling=SamplingParameters(ignore_end=True, temperature=0)
)


@pytest.fixture
async def pool(settings: ServerSettings) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(settings, Metrics(), lambda _: None)
    yield pool
    await pool.close()


@pytest.fixture
def spec(model_path: Path) -> Spec:
    def spec() -> WorkerSpec:
        return WorkerSpec("m", model_path, LoadSettings(slots=2), max_context_length=512)

    return spec


def worker_processes() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "funland_worker.main" in child.cmdline()
    ]


async def drain(worker: Worker) -> None:
    async for _ in worker.generate(ENDLESS):
        pass


async def test_however_many_ask_a_model_is_loaded_once(pool: WorkerPool, spec: Spec) -> None:
    specs = 0

    def counted() -> WorkerSpec:
        nonlocal specs
        specs += 1
        return spec()

    workers = await asyncio.gather(*(pool.acquire(counted, "m") for _ in range(8)))

    assert len({id(worker) for worker in workers}) == 1
    assert specs == 1
    assert [process.pid for process in worker_processes()] == [workers[0].process.pid]
    assert workers[0].ready.can_chat
    assert workers[0].ready.slots == 2


async def test_a_load_goes_on_when_a_caller_goes_away(pool: WorkerPool, spec: Spec) -> None:
    first = asyncio.create_task(pool.acquire(spec, "m"))
    await until(lambda: pool.is_loading("m"))

    first.cancel()

    async with asyncio.timeout(SECONDS):
        worker = await pool.acquire(spec, "m")
    assert [process.pid for process in worker_processes()] == [worker.process.pid]


async def test_only_the_server_can_call_a_worker(pool: WorkerPool, spec: Spec) -> None:
    worker = await pool.acquire(spec, "m")
    socket = Path(worker.process.address.removeprefix("unix:"))

    modes = [oct(os.stat(path).st_mode & 0o777) for path in (socket, socket.parent)]  # noqa: PTH116 - not on the disk

    assert modes == ["0o600", "0o700"]


async def test_unloading_waits_for_calls_under_way(pool: WorkerPool, spec: Spec) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker))
    await until(lambda: worker.active_sequences == 1)

    unloading = asyncio.create_task(pool.unload("m", force=False))

    async with asyncio.timeout(SECONDS):
        await call
        await unloading
    assert pool.worker("m") is None
    assert not worker_processes()


async def test_calls_that_come_while_a_model_leaves_get_it_anew(
    pool: WorkerPool, spec: Spec
) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker))
    await until(lambda: worker.active_sequences == 1)
    unloading = asyncio.create_task(pool.unload("m", force=False))
    await asyncio.sleep(0)

    async with asyncio.timeout(SECONDS):
        other = await pool.acquire(spec, "m")

    assert call.done()
    assert unloading.done()
    assert other is not worker
    assert await other.tokenize(TokenizeText(text="a"))


async def test_forced_unloading_ends_calls(pool: WorkerPool, spec: Spec) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker))
    await until(lambda: worker.active_sequences == 1)

    async with asyncio.timeout(SECONDS):
        await pool.unload("m", force=True)

        with pytest.raises(ModelUnloadedError):
            await call
    assert not worker_processes()


async def test_a_closed_generation_frees_its_slot(pool: WorkerPool, spec: Spec) -> None:
    worker = await pool.acquire(spec, "m")
    events = worker.generate(ENDLESS)
    await anext(events)

    await events.aclose()

    await until(lambda: worker.active_sequences == 0)
    assert worker.calls == 0


async def test_other_settings_load_a_model_anew(pool: WorkerPool, spec: Spec) -> None:
    first = await pool.load(spec, "m")
    assert await pool.load(spec, "m") is first

    def other() -> WorkerSpec:
        wanted = LoadSettings(slots=3, context_length=128)
        return WorkerSpec("m", spec().path, wanted, max_context_length=512)

    second = await pool.load(other, "m")

    assert (second.ready.slots, second.ready.context_length) == (3, 128)
    assert pool.worker("m") is second
    assert len(worker_processes()) == 1


async def test_a_lost_worker_fails_its_calls_and_comes_back(
    pool: WorkerPool, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_STEADY_SECONDS", 0.0)
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker))
    await until(lambda: worker.active_sequences == 1)

    os.kill(worker.process.pid, signal.SIGKILL)

    async with asyncio.timeout(1):
        with pytest.raises(WorkerLostError):
            await call
    await until(lambda: pool.worker("m") not in (None, worker))
    assert pool.restarts("m") == 1
    assert not Path(worker.process.address.removeprefix("unix:")).parent.exists()


async def test_a_worker_lost_soon_after_its_load_waits_for_a_call(
    pool: WorkerPool, spec: Spec
) -> None:
    worker = await pool.acquire(spec, "m")

    os.kill(worker.process.pid, signal.SIGKILL)

    await until(lambda: pool.restarts("m") == 1)
    assert pool.worker("m") is None
    assert not pool.is_loading("m")
    async with asyncio.timeout(SECONDS):
        assert await (await pool.acquire(spec, "m")).tokenize(TokenizeText(text="a"))


async def test_a_load_that_fails_is_told_and_tried_again(
    pool: WorkerPool, spec: Spec, tmp_path: Path
) -> None:
    broken = WorkerSpec("m", tmp_path / "broken.gguf", LoadSettings(), 1024)
    broken.path.write_bytes(b"GGUF\x03\0\0\0")

    results = await asyncio.gather(
        *(pool.acquire(lambda: broken, "m") for _ in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [ModelLoadFailedError] * 3
    assert pool.load_error("m") in results
    assert not worker_processes()
    assert await pool.acquire(spec, "m")
    assert pool.load_error("m") is None


async def test_a_load_that_takes_too_long_is_ended(settings: ServerSettings, spec: Spec) -> None:
    hasty = settings.model_copy(update={"load_timeout_seconds": 0.01})
    pool = WorkerPool(hasty, Metrics(), lambda _: None)

    with pytest.raises(ModelLoadFailedError, match="load_timeout_seconds"):
        await pool.acquire(spec, "m")

    assert not worker_processes()
    await pool.close()


async def test_a_closed_pool_loads_nothing_and_leaves_nothing(pool: WorkerPool, spec: Spec) -> None:
    loading = asyncio.create_task(pool.acquire(spec, "m"))
    await until(lambda: bool(worker_processes()))

    await pool.close()

    with pytest.raises(ServerStoppingError):
        await loading
    with pytest.raises(ServerStoppingError):
        await pool.acquire(spec, "m")
    assert not worker_processes()
