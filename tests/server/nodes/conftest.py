"""Workers as on another machine, without a cluster: next door, by the same code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.worker import Worker
from tests.server.conftest import SECONDS
from tools.bench.next_door import NextDoor


def unobserved(step: worker_pb2.Step, tokens: int) -> None:
    """For workers whose steps nobody counts."""


MakeRemote = Callable[..., Awaitable[Worker]]


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the user has in folders of data and caches is nothing to the tests."""
    monkeypatch.setenv("FUNLAND_HOME", str(tmp_path / "none"))


@pytest.fixture
async def next_door(tmp_path: Path) -> AsyncIterator[NextDoor]:
    """Workers that a test starts there are to end with it."""
    next_door = NextDoor(tmp_path / "node")
    yield next_door
    async with asyncio.timeout(SECONDS):
        for started in next_door.started:
            await started.how_it_ended()


@pytest.fixture
def remote_spec(model_path: Path) -> WorkerSpec:
    return WorkerSpec("m", model_path, LoadSettings(slots=2), 512, node_id="next-door")


@pytest.fixture
async def make_remote(next_door: NextDoor, remote_spec: WorkerSpec) -> AsyncIterator[MakeRemote]:
    """Makes workers next door: `await make_remote(slots=4)`."""
    workers: list[Worker] = []

    async def make(**changes: Any) -> Worker:
        process = await next_door.launch(replace(remote_spec, **changes), 60)
        workers.append(Worker("m", process, unobserved, 0))
        return workers[-1]

    yield make
    for worker in workers:
        await worker.end()
