"""Models that are held: after a restart, above the memory, deleted, deployed, and when several push
each other out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path
from time import monotonic

import grpc.aio
import pytest

from funland.v1.inference_pb2 import Loading, SamplingParameters
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ImportModelRequest,
    Lease,
    LoadModelRequest,
    LoadSettings,
    Model,
    PinModelRequest,
    UnpinModelRequest,
)
from funland.v1.system_pb2 import GetHealthReportRequest, PartHealth
from funland.worker.v1.worker_pb2 import Submit
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.models.domain import Models
from tests.server.conftest import SECONDS, call, details, until

ID = "mine"
TINY = "funland-tiny"


@pytest.fixture
async def settings(settings: ServerSettings, model_path: Path) -> ServerSettings:
    """Of a home that has a model beside the built-in one."""
    async with running(settings) as server:
        await call(server, "ImportModel", ImportModelRequest(path=str(model_path), model_id=ID))
    return settings


@asynccontextmanager
async def running(settings: ServerSettings) -> AsyncGenerator[Server]:
    server = Server(settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


def models(server: Server) -> Models:
    (domain,) = (one for one in attrgetter("_domains")(server) if isinstance(one, Models))
    return domain


async def mine(server: Server) -> Model:
    return await call(server, "GetModel", GetModelRequest(model_id=ID))


async def health(server: Server) -> PartHealth:
    report = await call(server, "GetHealthReport", GetHealthReportRequest())
    return next(part for part in report.parts if part.name == "models")


async def test_a_pinned_model_is_loaded_by_the_next_start(settings: ServerSettings) -> None:
    async with running(settings) as server:
        before = await call(server, "PinModel", PinModelRequest(model_id=ID))

    async with running(settings) as server:
        pool = models(server).pool
        assert (await mine(server)).pinned
        await until(lambda: pool.worker(ID) is not None)
        after = await mine(server)

        assert after.state == Model.LOADED
        assert after.loaded.leases == before.loaded.leases  # since the same moment

        await call(server, "UnpinModel", UnpinModelRequest(model_id=ID))

    async with running(settings) as server:
        assert (await mine(server)).state == Model.INSTALLED
        assert not (await mine(server)).pinned


async def test_a_pin_that_can_t_be_loaded_is_told_and_the_server_starts(
    settings: ServerSettings,
) -> None:
    async with running(settings) as server:
        await call(server, "PinModel", PinModelRequest(model_id=ID))
    (settings.home / "models" / ID / "model.gguf").unlink()

    async with running(settings) as server:
        pool = models(server).pool
        await until(lambda: pool.place(ID).error is not None)

        part = await health(server)
        assert part.state == PartHealth.DEGRADED
        assert part.message.startswith("mine was not loaded")
        assert (await mine(server)).pinned


async def test_what_does_not_fit_is_not_pinned(settings: ServerSettings) -> None:
    small = settings.model_copy(update={"memory_limit_bytes": 64 << 20})
    async with running(small) as server:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(server, "PinModel", PinModelRequest(model_id=ID))

        assert details(raised.value)["ErrorInfo"].reason == "MODEL_TOO_LARGE"
        assert not (await mine(server)).pinned


async def test_a_pin_that_can_t_be_kept_holds_nothing(settings: ServerSettings) -> None:
    async with running(settings) as server:
        (settings.home / "pins.json.new").mkdir()  # so that nothing can be written there

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(server, "PinModel", PinModelRequest(model_id=ID))

        assert details(raised.value)["ErrorInfo"].reason == "STORAGE_UNAVAILABLE"
        model = await mine(server)
        assert (model.state, model.pinned) == (Model.LOADED, False)


async def test_a_deleted_model_is_pinned_no_more(
    settings: ServerSettings, model_path: Path
) -> None:
    async with running(settings) as server:
        await call(server, "PinModel", PinModelRequest(model_id=ID))

        await call(server, "DeleteModel", DeleteModelRequest(model_id=ID))

        await call(server, "ImportModel", ImportModelRequest(path=str(model_path), model_id=ID))
        assert not (await mine(server)).pinned
    assert (settings.home / "pins.json").read_bytes() == b"{}"


async def test_a_model_that_is_deployed_is_not_deleted(settings: ServerSettings) -> None:
    async with running(settings) as server:
        holders = models(server).holders
        holders.hold(ID, "deploy_1")

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(server, "DeleteModel", DeleteModelRequest(model_id=ID))

        told = details(raised.value)["ErrorInfo"]
        assert told.reason == "MODEL_DEPLOYED"
        assert told.metadata == {"model": ID, "deployment_id": "deploy_1"}
        holders.let_go(ID, "deploy_1")
        await call(server, "DeleteModel", DeleteModelRequest(model_id=ID))


async def test_models_that_push_each_other_out_degrade_health(settings: ServerSettings) -> None:
    async with running(settings) as server:
        evictions = attrgetter("pool._lifecycle.room.evictions")(models(server))
        assert (await health(server)).state == PartHealth.HEALTHY

        for key, by in [("a", "b"), ("b", "a")] * 2:
            evictions.note(monotonic(), key, by)

        part = await health(server)
        assert part.state == PartHealth.DEGRADED
        assert part.message.startswith("a and b push each other out of memory, 4 times")


async def test_who_waits_for_memory_is_told_for_whom(settings: ServerSettings) -> None:
    small = settings.model_copy(update={"memory_limit_bytes": 330 << 20})
    wanted = LoadSettings(slots=4, context_length=4096)  # of which two don't fit
    async with running(small) as server:
        await call(server, "LoadModel", LoadModelRequest(model_id=TINY, settings=wanted))
        busy = models(server).pool.worker(TINY)
        assert busy is not None
        with busy.sequence(Submit(prompt="a", sampling=SamplingParameters(max_tokens=1))):
            request = LoadModelRequest(model_id=ID, settings=wanted)
            loading = asyncio.create_task(call(server, "LoadModel", request))
            await until(lambda: models(server).pool.place(ID).load.waits_for is not None)

            waiting = await mine(server)
            tiny = await call(server, "GetModel", GetModelRequest(model_id=TINY))

        async with asyncio.timeout(SECONDS):
            loaded = await loading

        assert (waiting.state, waiting.loading.stage) == (Model.LOADING, Loading.WAITING)
        assert waiting.loading.waiting_for == f"{TINY} has 1 call"
        assert list(waiting.loading.waiting_for_models) == [TINY]
        assert waiting.loading.elapsed_ms > 0
        (lease,) = tiny.loaded.leases
        assert (lease.kind, lease.count) == (Lease.CALLS, 1)
        assert lease.HasField("since_time")
        assert (loaded.state, loaded.HasField("loading")) == (Model.LOADED, False)
        assert (await call(server, "GetModel", GetModelRequest(model_id=TINY))).state == (
            Model.INSTALLED
        )
