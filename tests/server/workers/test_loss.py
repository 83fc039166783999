"""A worker that is lost or hangs is replaced, and calls that had not begun are answered."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import TokenizeText
from funland_server.workers.calls import ModelCalls
from funland_server.workers.errors import ModelBackingOffError, WorkerLostError
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from funland_server.workers.worker import Worker
from tests.processes import children
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import MakePool, drain, endless, short

Model = tuple[WorkerPool, Worker, ModelCalls]


@pytest.fixture
async def model(make_pool: MakePool, model_path: Path) -> Model:
    """A model with one slot whose worker may be silent for a second."""
    pool = make_pool(hang_timeout_seconds=1.0)
    spec: MakeSpec = lambda: WorkerSpec("m", model_path, LoadSettings(slots=1), 512)  # noqa: E731 - one line is enough
    worker = await pool.acquire(spec, "m")
    return pool, worker, ModelCalls(worker, lambda: pool.acquire(spec, "m"))


async def test_a_call_at_a_worker_that_hangs_is_answered_by_the_next(model: Model) -> None:
    pool, worker, calls = model
    os.kill(worker.process.pid, signal.SIGSTOP)

    async with asyncio.timeout(SECONDS):
        texts, tokens = await asyncio.gather(
            asyncio.gather(*(drain(calls, short()) for _ in range(3))),
            calls.tokenize(TokenizeText(text="a")),
        )

    assert texts == [3, 3, 3]
    assert tokens.tokens
    assert pool.place("m").restarts == 1
    assert worker.process.pid not in {process.pid for process in children()}


async def test_a_text_that_stops_in_the_middle_fails(model: Model) -> None:
    pool, worker, calls = model
    events = calls.generate(endless())
    async for event in events:
        if event.tokens:
            break
    os.kill(worker.process.pid, signal.SIGSTOP)

    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkerLostError):
            async for _ in events:
                pass
        await until(lambda: pool.worker("m") not in (None, worker))


async def test_calls_that_wait_for_a_slot_outlive_their_worker(model: Model) -> None:
    _, worker, calls = model
    running = asyncio.create_task(drain(calls, endless()))
    await until(lambda: worker.active_sequences == 1)
    waiting = [asyncio.create_task(drain(calls, short())) for _ in range(4)]
    await until(lambda: worker.waiting_sequences == 4)

    os.kill(worker.process.pid, signal.SIGKILL)

    async with asyncio.timeout(SECONDS):
        with pytest.raises(WorkerLostError):
            await running
        assert await asyncio.gather(*waiting) == [3, 3, 3, 3]


async def test_a_call_is_retried_once(model: Model) -> None:
    pool, worker, calls = model
    os.kill(worker.process.pid, signal.SIGKILL)
    await until(lambda: pool.worker("m") not in (None, worker))
    second = pool.worker("m")
    assert second is not None
    os.kill(second.process.pid, signal.SIGKILL)

    async with asyncio.timeout(SECONDS):
        # The second loss in a row is followed by a pause, which the caller is told.
        with pytest.raises((WorkerLostError, ModelBackingOffError)):
            await drain(calls, short())


async def test_a_worker_that_works_is_not_taken_to_hang(model: Model) -> None:
    pool, worker, calls = model

    async with asyncio.timeout(SECONDS):
        # Twice as long as it may be silent.
        begin = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - begin < 2:
            await drain(calls, short())

    assert pool.worker("m") is worker
