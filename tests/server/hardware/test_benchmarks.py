"""Benchmarks on a real server: of the CPU, with the model that comes with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.hardware_pb2 import (
    BenchmarkDeviceRequest,
    BenchmarkEvent,
    BenchmarkProgress,
    ListRecommendationsRequest,
)
from funland.v1.inference_pb2 import GenerateRequest, SamplingParameters
from funland.v1.models_pb2 import GetModelRequest, ImportModelRequest, LoadModelRequest, Model
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.processes import children
from tests.server.conftest import SECONDS, call, details, streamed, until
from tests.server.hardware.machines import OPENVINO
from tests.worker.engines.llama_cpp.tiny_bert import tiny_bert

CPU = BenchmarkDeviceRequest(device_id="cpu_0")
TINY = "funland-tiny"


async def events(server: Server, request: BenchmarkDeviceRequest = CPU) -> list[BenchmarkEvent]:
    return [event async for event in streamed(server, "BenchmarkDevice", request)]


async def recommendations(server: Server, model: str = "") -> list[Any]:
    request = ListRecommendationsRequest(model=model)
    return list((await call(server, "ListRecommendations", request)).recommendations)


async def failure(server: Server, request: BenchmarkDeviceRequest) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await events(server, request)
    return details(raised.value)["ErrorInfo"]


@asynccontextmanager
async def running(settings: ServerSettings, **changes: Any) -> AsyncGenerator[Server]:
    server = Server(settings.model_copy(update=changes))
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


def phases(told: list[BenchmarkEvent]) -> list[int]:
    """Each once, in their order."""
    return list(dict.fromkeys(e.progress.phase for e in told if e.HasField("progress")))


async def test_a_device_is_measured_and_then_recommended_also_after_a_restart(
    settings: ServerSettings,
) -> None:
    async with running(settings) as server:
        (unmeasured,) = await recommendations(server)
        assert (unmeasured.device_id, unmeasured.HasField("benchmark")) == ("cpu_0", False)

        told = await events(server)
        assert not children()

    assert phases(told) == [
        BenchmarkProgress.LOADING,
        BenchmarkProgress.PROMPT,
        BenchmarkProgress.ONE_STREAM,
        BenchmarkProgress.EIGHT_STREAMS,
    ]
    fractions = [event.progress.fraction for event in told[:-1]]
    assert fractions == sorted(fractions)
    measured = told[-1].result
    assert not measured.HasField("error")
    assert (measured.device_id, measured.model_id) == ("cpu_0", TINY)
    assert (measured.engine_device, measured.prompt_tokens) == ("CPU", 512)
    assert measured.prompt_tokens_per_second > measured.tokens_per_second > 0
    assert measured.tokens_per_second_8_streams > 0
    assert measured.other_calls == 0
    assert 0 < measured.duration.ToTimedelta().total_seconds() < 60
    async with running(settings) as server:
        (found,) = await recommendations(server)
    assert found.benchmark == measured
    assert found.gain == 1


async def test_callers_keep_their_model_and_are_told_of(server: Server) -> None:
    story = GenerateRequest(
        prompt="Once", sampling=SamplingParameters(temperature=0, ignore_end=True, max_tokens=4)
    )
    long = GenerateRequest(prompt="Once", sampling=SamplingParameters(ignore_end=True))
    assert await call(server, "Generate", story)
    (own,) = children()
    begun = asyncio.Event()

    async def write() -> None:
        while True:
            async with aclosing(streamed(server, "StreamGenerate", long)) as texts:
                async for _ in texts:
                    begun.set()

    writing = asyncio.create_task(write())
    await begun.wait()

    told = await events(server)

    writing.cancel()
    assert told[-1].result.other_calls == 1
    assert [child.pid for child in children()] == [own.pid]
    assert await call(server, "Generate", story)


async def test_a_second_benchmark_waits_and_one_that_is_left_ends_at_once(server: Server) -> None:
    first = streamed(server, "BenchmarkDevice", CPU)
    async for event in first:
        if event.progress.phase == BenchmarkProgress.PROMPT:
            break
    (worker,) = children()
    second = streamed(server, "BenchmarkDevice", CPU)

    assert (await anext(second)).progress.phase == BenchmarkProgress.WAITING

    await first.aclose()
    assert not worker.is_running()
    assert (await anext(second)).progress.phase == BenchmarkProgress.LOADING
    await second.aclose()
    await until(lambda: not children())
    (kept,) = await recommendations(server)
    assert not kept.HasField("benchmark")


async def test_a_benchmark_that_is_left_while_it_loads_leaves_no_process(server: Server) -> None:
    told = streamed(server, "BenchmarkDevice", CPU)
    assert (await anext(told)).progress.phase == BenchmarkProgress.LOADING
    going_on = asyncio.ensure_future(anext(told))
    await until(lambda: bool(children()))

    going_on.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going_on

    await until(lambda: not children())
    again = streamed(server, "BenchmarkDevice", CPU)
    assert (await anext(again)).progress.phase == BenchmarkProgress.LOADING
    await again.aclose()


async def test_a_worker_that_dies_is_an_answer_that_is_kept(server: Server) -> None:
    told: list[BenchmarkEvent] = []
    async for event in streamed(server, "BenchmarkDevice", CPU):
        told.append(event)
        if event.progress.phase == BenchmarkProgress.PROMPT:
            for worker in children():
                worker.kill()

    assert told[-1].result.error.reason == ErrorReason.WORKER_LOST
    assert told[-1].result.tokens_per_second == 0
    (found,) = await recommendations(server)
    assert found.benchmark == told[-1].result
    assert found.reason.startswith("It failed: ")
    assert not found.HasField("gain")


async def test_no_idle_model_leaves_for_a_benchmark(settings: ServerSettings) -> None:
    async with running(settings, memory_limit_bytes=300_000_000) as server:
        await call(server, "LoadModel", LoadModelRequest(model_id=TINY))

        refused = await failure(server, CPU)

        assert refused.reason == "MODEL_TOO_LARGE"
        model = await call(server, "GetModel", GetModelRequest(model_id=TINY))
        assert model.state == Model.LOADED
        (found,) = await recommendations(server)
    assert not found.HasField("benchmark")  # it says nothing of the device


async def test_a_server_that_stops_ends_its_benchmark(settings: ServerSettings) -> None:
    async with running(settings) as server:
        told = streamed(server, "BenchmarkDevice", CPU)
        async for event in told:
            if event.progress.phase == BenchmarkProgress.PROMPT:
                break

        stopping = asyncio.create_task(server.stop(SECONDS))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async with asyncio.timeout(SECONDS / 2):
                [event async for event in told]

        assert details(raised.value)["ErrorInfo"].reason == "SERVER_STOPPING"
        await stopping
    assert not children()


@pytest.mark.parametrize(
    ("request_", "reason", "metadata"),
    [
        (BenchmarkDeviceRequest(device_id="gpu_9"), "DEVICE_NOT_FOUND", {"device_id": "gpu_9"}),
        (BenchmarkDeviceRequest(device_id="cpu_0", model="gone"), "MODEL_NOT_FOUND",
         {"model": "gone"}),
        (BenchmarkDeviceRequest(), "FIELD_INVALID", {}),
    ],
    ids=["device", "model", "no device"],
)  # fmt: skip
async def test_what_is_not_there_is_named(
    server: Server, request_: BenchmarkDeviceRequest, reason: str, metadata: dict[str, str]
) -> None:
    told = await failure(server, request_)

    assert told.reason == reason
    assert metadata.items() <= dict(told.metadata).items()
    assert not children()


async def test_a_model_that_writes_nothing_is_refused(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "bert.gguf"
    await asyncio.to_thread(tiny_bert().write, file)
    await call(server, "ImportModel", ImportModelRequest(path=str(file), model_id="bert"))

    told = await failure(server, BenchmarkDeviceRequest(device_id="cpu_0", model="bert"))

    assert told.reason == "MODEL_CANNOT_GENERATE"


async def test_each_engine_is_measured_by_name(server: Server) -> None:
    told = await events(server, BenchmarkDeviceRequest(device_id="cpu_0", engine=OPENVINO))

    assert told[-1].result.engine == OPENVINO
    assert told[-1].result.tokens_per_second_8_streams > 0
