"""Jobs of workers: their news, their end, and what a lost worker means to them."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import grpc
import grpc.aio
import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EmbedTexts, Job, JobEvent
from funland_server.errors import FieldInvalidError
from funland_server.workers.calls import ModelCalls
from funland_server.workers.errors import EngineUnsupportedError, WorkerLostError
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from funland_server.workers.worker import Worker
from tests.server.conftest import SECONDS, until
from tests.server.workers.conftest import MakePool, drain, short

Model = tuple[WorkerPool, Worker, ModelCalls]

FEW = EmbedTexts(inputs=["Once", "upon a time", "there was"])
MANY = EmbedTexts(inputs=["Once upon a time there was a fox. " * 12] * 2000)
"""Takes seconds."""


@pytest.fixture
async def model(make_pool: MakePool, model_path: Path) -> Model:
    """A model, with all the patience that there is by default: jobs fill a busy machine."""
    return await loaded(make_pool(), model_path)


async def loaded(pool: WorkerPool, model_path: Path) -> Model:
    spec: MakeSpec = lambda: WorkerSpec("m", model_path, LoadSettings(slots=2), 512)  # noqa: E731 - one line is enough
    worker = await pool.acquire(spec, "m")
    return pool, worker, ModelCalls(worker, lambda: pool.acquire(spec, "m"))


async def events(calls: ModelCalls, texts: EmbedTexts) -> list[JobEvent]:
    async with asyncio.timeout(SECONDS):
        return [event async for event in calls.run_job(Job(embed=texts))]


async def test_a_job_gives_the_vectors_of_the_call_and_says_how_far_it_is(model: Model) -> None:
    _, _, calls = model

    told = await events(calls, FEW)

    assert told[-1].result.embed == await calls.embed(FEW)
    fractions = [event.progress.fraction for event in told[:-1]]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert told[-2].progress.text == "3 of 3 texts"


async def test_a_jobs_failure_is_that_of_the_call(model: Model) -> None:
    _, _, calls = model

    with pytest.raises(FieldInvalidError) as raised:
        await events(calls, EmbedTexts(inputs=["Once"], dimensions=1_000_000))
    with pytest.raises(EngineUnsupportedError):
        _ = [event async for event in calls.run_job(Job())]

    assert raised.value.violations[0].field == "dimensions"


async def test_a_job_counts_as_a_call_until_it_is_closed(model: Model) -> None:
    _, worker, calls = model
    async with aclosing(calls.run_job(Job(embed=MANY))) as told:
        async for event in told:
            if event.progress.fraction > 0:
                break
        counted = worker.calls

    assert counted == 1
    assert worker.calls == 0


async def test_generations_go_on_beside_a_job(model: Model) -> None:
    _, worker, calls = model
    async with aclosing(calls.run_job(Job(embed=MANY))) as told:
        async for event in told:
            if event.progress.fraction > 0:
                break
        async with asyncio.timeout(SECONDS):
            tokens = await drain(worker, short())
            still = await anext(told)

    assert tokens == 3
    assert still.progress.fraction < 1


async def test_a_job_whose_worker_is_lost_in_the_middle_fails(model: Model) -> None:
    pool, worker, calls = model
    async with aclosing(calls.run_job(Job(embed=MANY))) as told:
        await anext(told)
        os.kill(worker.process.pid, signal.SIGKILL)

        with pytest.raises(WorkerLostError):
            _ = [event async for event in told]
        await until(lambda: pool.worker("m") not in (None, worker))


class Ending:
    """gRPC's call, when it has read that nothing more comes, asks why, and its channel is closed
    before the answer."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def RunJob(self, *_: object, **__: object) -> Ending:
        """The call."""
        return self

    def __aiter__(self) -> Ending:
        return self

    async def __anext__(self) -> JobEvent:
        os.kill(self._worker.process.pid, signal.SIGKILL)
        await until(lambda: self._worker.over)
        nothing = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(
            grpc.StatusCode.CANCELLED, nothing, nothing, "Locally cancelled by application!"
        )

    def cancel(self) -> None:
        """It is over."""


async def test_a_job_whose_channel_was_closed_with_its_worker_fails_as_lost(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who lost a worker may try again; a defect says that it is of no use."""
    _, worker, _ = model
    monkeypatch.setattr(worker, "_stub", Ending(worker))

    with pytest.raises(WorkerLostError):
        _ = [event async for event in worker.run_job(Job(embed=FEW))]


async def test_a_job_that_had_not_begun_when_its_worker_hung_is_done_by_the_next(
    make_pool: MakePool, model_path: Path
) -> None:
    pool, worker, calls = await loaded(make_pool(hang_timeout_seconds=1.0), model_path)
    os.kill(worker.process.pid, signal.SIGSTOP)

    told = await events(calls, FEW)

    assert len(told[-1].result.embed.embeddings) == 3
    assert pool.place("m").restarts == 1
