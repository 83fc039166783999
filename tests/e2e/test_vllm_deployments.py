"""Deployments that vLLM runs, which a program stands for that says what the real one said."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import grpc.aio
import pytest

from funland.v1.deployments_pb2 import (
    Deployment,
    GetDeploymentHealthRequest,
    GetDeploymentLogsRequest,
    GetDeploymentModelRequest,
    Replica,
    StartDeploymentRequest,
    StopDeploymentRequest,
    VllmSettings,
    WatchDeploymentsRequest,
)
from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.models_pb2 import ImportModelRequest
from funland.v1.system_pb2 import PartHealth
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.e2e.wires import Grpc, Refused, Wire
from tests.server.vllm.conftest import environment
from tools.try_vllm.stage import tiny

MODEL = "tiny-safetensors"


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    settings = ServerSettings(
        port=0, home=tmp_path / "home", vllm_environment=environment(tmp_path / "environment")
    )
    server = Server(settings)
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        wire = Grpc(channel)
        folder = await asyncio.to_thread(tiny, tmp_path / "tiny")
        await wire.call("ImportModel", ImportModelRequest(path=str(folder), model_id=MODEL))
        yield wire
    await server.stop(0)


async def when(wire: Wire, so: Callable[[Deployment], bool]) -> Deployment:
    request = WatchDeploymentsRequest(deployment_id="mine")
    async with asyncio.timeout(120), aclosing(wire.watch("WatchDeployments", request)) as events:
        async for event in events:
            if event.HasField("deployment") and so(event.deployment):
                return event.deployment
    raise AssertionError("the watch ended")


async def test_a_deployment_on_vllm_answers_is_lost_comes_back_and_stops(wire: Wire) -> None:
    await wire.call(
        "StartDeployment",
        StartDeploymentRequest(
            model=MODEL, name="mine", engine=Deployment.VLLM, vllm=VllmSettings(max_num_seqs=4)
        ),
    )
    running = await when(wire, lambda one: one.state == Deployment.RUNNING)
    chat = ChatRequest(
        model="mine",
        messages=[Message(role=Message.USER, content="Hello!")],
        sampling=SamplingParameters(max_tokens=3),
    )

    answer = await wire.call("Chat", chat)

    assert (answer.model, answer.usage.completion_tokens > 0) == (MODEL, True)
    told = await wire.call("GetDeploymentModel", GetDeploymentModelRequest(deployment_id="mine"))
    assert told.engine.startswith("vllm")
    assert not told.model.HasField("loaded")
    health = await wire.call(
        "GetDeploymentHealth", GetDeploymentHealthRequest(deployment_id="mine")
    )
    assert health.state == PartHealth.HEALTHY

    os.kill(running.processes[0].pid, signal.SIGKILL)
    back = await when(
        wire,
        lambda one: one.processes[0].restarts == 1 and one.processes[0].state == Replica.RUNNING,
    )
    assert back.processes[0].pid != running.processes[0].pid
    assert await wire.call("Chat", chat)

    await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
    await when(wire, lambda one: one.state == Deployment.STOPPED)
    with pytest.raises(ProcessLookupError):
        os.kill(back.processes[0].pid, 0)
    logs = await wire.call("GetDeploymentLogs", GetDeploymentLogsRequest(deployment_id="mine"))
    assert any("answers after" in line.text and line.replica == 0 for line in logs.lines)


async def test_without_vllm_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    server = Server(ServerSettings(port=0, home=tmp_path / "home"))
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            request = StartDeploymentRequest(model="funland-tiny", engine=Deployment.VLLM)
            with pytest.raises(Refused) as raised:
                await Grpc(channel).call("StartDeployment", request)
    finally:
        await server.stop(0)
    assert raised.value.reason == "ENGINE_UNAVAILABLE"
    assert "funland engines install vllm" in raised.value.message
