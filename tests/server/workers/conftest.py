"""Pools of a test's own, and models for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from funland.v1.inference_pb2 import SamplingParameters
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import SequenceEvent, Submit
from funland_server.config import ServerSettings
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.callee import Callee
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MakeSpec, WorkerSpec
from funland_server.workers.worker import Worker

MakePool = Callable[..., WorkerPool]


@pytest.fixture
async def make_pool(settings: ServerSettings) -> AsyncIterator[MakePool]:
    """Makes pools with some settings of their own: `make_pool(hang_timeout_seconds=1)`."""
    pools: list[WorkerPool] = []

    def make(**changes: Any) -> WorkerPool:
        pools.append(
            WorkerPool(Live(settings.model_copy(update=changes)), Metrics(), lambda _: None)
        )
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()


@pytest.fixture
def pool(make_pool: MakePool) -> WorkerPool:
    return make_pool()


@pytest.fixture
def spec(model_path: Path) -> MakeSpec:
    return lambda: WorkerSpec("m", model_path, LoadSettings(slots=2), max_context_length=512)


def endless() -> Submit:
    """A text that goes on until the context is full."""
    return Submit(
        prompt="Once upon a time", sampling=SamplingParameters(ignore_end=True, temperature=0)
    )


def short() -> Submit:
    return Submit(prompt="Once upon a time", sampling=SamplingParameters(max_tokens=3))


async def events(worker: Worker, submit: Submit) -> AsyncGenerator[SequenceEvent]:
    """What a worker tells of a sequence; closing the generator ends it."""
    with worker.sequence(submit) as sequence:
        while sequence.open_texts:
            yield await sequence.take()


async def drain(model: Worker | Callee, submit: Submit) -> int:
    """Reads a generation to its end and gives the number of its tokens."""
    told = events(model, submit) if isinstance(model, Worker) else model.generate(submit)
    return sum([event.tokens async for event in told])
