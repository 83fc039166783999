"""The pool and real worker processes: loads once, waits or forces, brings back what was lost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import TokenizeText
from funland_server.errors import ServerStoppingError
from funland_server.workers.errors import (
    ModelBackingOffError,
    ModelLoadFailedError,
    ModelUnloadedError,
    WorkerLostError,
)
from funland_server.workers.launch import LocalProcess
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from tests.processes import children
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import MakePool, drain, endless, events


async def test_however_many_ask_a_model_is_loaded_once(pool: WorkerPool, spec: MakeSpec) -> None:
    specs = 0

    def counted() -> WorkerSpec:
        nonlocal specs
        specs += 1
        return spec()

    workers = await asyncio.gather(*(pool.acquire(counted, "m") for _ in range(8)))

    assert len({id(worker) for worker in workers}) == 1
    assert specs == 1
    assert [process.pid for process in children()] == [workers[0].process.pid]
    assert workers[0].ready.can_chat
    assert workers[0].ready.slots == 2


async def test_a_load_goes_on_when_a_caller_goes_away(pool: WorkerPool, spec: MakeSpec) -> None:
    first = asyncio.create_task(pool.acquire(spec, "m"))
    await until(lambda: pool.place("m").loading)

    first.cancel()

    async with asyncio.timeout(SECONDS):
        worker = await pool.acquire(spec, "m")
    assert [process.pid for process in children()] == [worker.process.pid]


async def test_only_the_server_can_call_a_worker(pool: WorkerPool, spec: MakeSpec) -> None:
    worker = await pool.acquire(spec, "m")
    assert isinstance(worker.process, LocalProcess)
    socket = worker.process.socket

    modes = [oct(os.stat(path).st_mode & 0o777) for path in (socket, socket.parent)]  # noqa: PTH116 - not on the disk

    assert modes == ["0o600", "0o700"]


async def test_unloading_waits_for_calls_under_way(pool: WorkerPool, spec: MakeSpec) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    unloading = asyncio.create_task(pool.unload("m", force=False))

    async with asyncio.timeout(SECONDS):
        await call
        await unloading
    assert pool.worker("m") is None
    assert not children()


async def test_calls_that_come_while_a_model_leaves_get_it_anew(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)
    unloading = asyncio.create_task(pool.unload("m", force=False))
    await asyncio.sleep(0)

    async with asyncio.timeout(SECONDS):
        other = await pool.acquire(spec, "m")

    assert call.done()
    assert unloading.done()
    assert other is not worker
    assert await other.tokenize(TokenizeText(text="a"))


async def test_forced_unloading_ends_calls(pool: WorkerPool, spec: MakeSpec) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    async with asyncio.timeout(SECONDS):
        await pool.unload("m", force=True)

        with pytest.raises(ModelUnloadedError):
            await call
    assert not children()


async def test_a_closed_generation_frees_its_slot(pool: WorkerPool, spec: MakeSpec) -> None:
    worker = await pool.acquire(spec, "m")
    told = events(worker, endless())
    await anext(told)

    await told.aclose()

    await until(lambda: worker.active_sequences == 0)
    assert worker.calls == 0


async def test_other_settings_load_a_model_anew(pool: WorkerPool, spec: MakeSpec) -> None:
    first = await pool.load(spec, "m", spec().settings)
    assert await pool.load(spec, "m", spec().settings) is first

    def other() -> WorkerSpec:
        wanted = LoadSettings(slots=3, context_length=128)
        return WorkerSpec("m", spec().path, wanted, max_context_length=512)

    second = await pool.load(other, "m", other().settings)

    assert (second.ready.slots, second.ready.context_length) == (3, 128)
    assert pool.worker("m") is second
    assert len(children()) == 1


async def test_a_lost_worker_fails_its_calls_and_comes_back(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    worker = await pool.acquire(spec, "m")
    call = asyncio.create_task(drain(worker, endless()))
    await until(lambda: worker.active_sequences == 1)

    os.kill(worker.process.pid, signal.SIGKILL)

    async with asyncio.timeout(1):
        with pytest.raises(WorkerLostError):
            await call
    await until(lambda: pool.worker("m") not in (None, worker))
    assert pool.place("m").restarts == 1
    assert isinstance(worker.process, LocalProcess)
    assert not worker.process.socket.parent.exists()


async def test_a_worker_lost_again_and_again_is_not_started_for_a_while(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    first = await pool.acquire(spec, "m")
    os.kill(first.process.pid, signal.SIGKILL)
    await until(lambda: pool.worker("m") not in (None, first))
    second = await pool.acquire(spec, "m")

    os.kill(second.process.pid, signal.SIGKILL)
    await until(lambda: pool.place("m").restarts == 2)

    assert pool.backing_off() == ["m"]
    with pytest.raises(ModelBackingOffError) as raised:
        await pool.acquire(spec, "m")
    assert raised.value.metadata == {"model": "m", "losses": "2"}
    assert raised.value.retry_seconds is not None
    assert 0 < raised.value.retry_seconds <= 1
    assert not children()
    await until(lambda: not pool.backing_off())
    async with asyncio.timeout(SECONDS):
        assert await (await pool.acquire(spec, "m")).tokenize(TokenizeText(text="a"))


async def test_unloading_ends_a_back_off(pool: WorkerPool, spec: MakeSpec) -> None:
    worker = await pool.acquire(spec, "m")
    place = pool.place("m")
    place.backoff.lost(lived_seconds=0)
    os.kill(worker.process.pid, signal.SIGKILL)
    await until(lambda: bool(pool.backing_off()))

    await pool.unload("m", force=False)

    assert not pool.backing_off()
    assert await pool.acquire(spec, "m") is not worker


async def test_a_load_that_fails_is_told_and_tried_again(
    pool: WorkerPool, spec: MakeSpec, tmp_path: Path
) -> None:
    broken = WorkerSpec("m", tmp_path / "broken.gguf", LoadSettings(), 1024)
    broken.path.write_bytes(b"GGUF\x03\0\0\0")

    results = await asyncio.gather(
        *(pool.acquire(lambda: broken, "m") for _ in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [ModelLoadFailedError] * 3
    assert pool.place("m").error in results
    assert not children()
    assert await pool.acquire(spec, "m")
    assert pool.place("m").error is None


async def test_a_load_that_takes_too_long_is_ended(make_pool: MakePool, spec: MakeSpec) -> None:
    pool = make_pool(load_timeout_seconds=0.01)

    with pytest.raises(ModelLoadFailedError, match="load_timeout_seconds"):
        await pool.acquire(spec, "m")

    assert not children()


async def test_a_closed_pool_loads_nothing_and_leaves_nothing(
    pool: WorkerPool, spec: MakeSpec
) -> None:
    loading = asyncio.create_task(pool.acquire(spec, "m"))
    await until(lambda: bool(children()))

    await pool.close()

    with pytest.raises(ServerStoppingError):
        await loading
    with pytest.raises(ServerStoppingError):
        await pool.acquire(spec, "m")
    assert not children()
