"""Models are held where they are asked for, or where there is room, and the service tells where."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from operator import attrgetter
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from funland.v1.deployments_pb2 import (
    Deployment,
    StartDeploymentRequest,
    WatchDeploymentsRequest,
)
from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.models_pb2 import LoadModelRequest, LoadSettings, Model, UnloadModelRequest
from funland.v1.nodes_pb2 import GetNodeRequest, ListNodesRequest, Node
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.errors import StartError
from funland_server.live import Live
from funland_server.models.domain import Models
from funland_server.nodes.domain import Nodes
from tests.server.conftest import SECONDS, call, details, streamed, until
from tools.bench.next_door import NextDoor


def domain(server: Server, kind: type) -> Any:
    (found,) = [each for each in attrgetter("_domains")(server) if type(each) is kind]
    return found


@pytest.fixture
async def two(server: Server, next_door: NextDoor) -> AsyncIterator[Server]:
    """A server that has a second machine, next door."""
    domain(server, Nodes).placement.elsewhere = next_door
    yield server
    await domain(server, Models).pool.close()


async def load(server: Server, **settings: Any) -> Model:
    request = LoadModelRequest(model_id="funland-tiny", settings=LoadSettings(**settings))
    return await call(server, "LoadModel", request)


async def held(server: Server) -> dict[str, list[str]]:
    nodes = (await call(server, "ListNodes", ListNodesRequest())).nodes
    return {node.node_id: list(node.model_ids) for node in nodes}


async def running(server: Server, name: str) -> Deployment:
    request = WatchDeploymentsRequest(deployment_id=name)
    async with (
        asyncio.timeout(SECONDS),
        aclosing(streamed(server, "WatchDeployments", request)) as events,
    ):
        async for event in events:
            if event.deployment.state == Deployment.RUNNING:
                return event.deployment
    raise AssertionError("the watch ended")


def greeting() -> ChatRequest:
    return ChatRequest(
        messages=[Message(role=Message.USER, content="Hello!")],
        sampling=SamplingParameters(temperature=0),
    )


async def test_alone_there_is_this_machine(server: Server) -> None:
    (node,) = (await call(server, "ListNodes", ListNodesRequest())).nodes
    assert (node.node_id, node.state, node.local) == ("local", Node.ALIVE, True)
    assert 0 < node.memory_available_bytes <= node.memory_total_bytes
    assert node.cpus >= 1

    assert (await load(server, node_id="local")).loaded.node_id == "local"

    assert await held(server) == {"local": ["funland-tiny"]}
    for name, request in (
        ("GetNode", GetNodeRequest(node_id="b")),
        (
            "LoadModel",
            LoadModelRequest(model_id="funland-tiny", settings=LoadSettings(node_id="b")),
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(server, name, request)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        info = details(raised.value)["ErrorInfo"]
        assert (info.reason, dict(info.metadata)) == ("NODE_NOT_FOUND", {"node_id": "b"})


async def test_a_model_is_held_where_it_is_asked_for(two: Server) -> None:
    here = await call(two, "Chat", greeting())
    assert await held(two) == {"local": ["funland-tiny"], "next-door": []}

    model = await load(two, node_id="next-door")

    assert model.loaded.node_id == "next-door"
    assert await held(two) == {"local": [], "next-door": ["funland-tiny"]}
    there = await call(two, "Chat", greeting())
    assert there.message == here.message
    same = await load(two, node_id="next-door")
    assert same.loaded.load_time == model.loaded.load_time
    pool = domain(two, Models).pool
    assert pool.available_bytes("other") > 0
    await call(two, "UnloadModel", UnloadModelRequest(model_id="funland-tiny"))
    await until(lambda: not domain(two, Nodes).placement.held("next-door"))
    assert (await load(two, node_id="local")).loaded.node_id == "local"


async def test_unasked_it_goes_where_the_fewest_models_are(two: Server) -> None:
    placement = domain(two, Nodes).placement
    await load(two, node_id="local")
    models = domain(two, Models)
    make = attrgetter("loader._spec")(models)(models.catalog.get("funland-tiny"), LoadSettings())

    chosen = await placement.choose(make())

    assert chosen.node_id == "next-door"
    assert chosen.needed_bytes > 0
    assert chosen.placer is None


async def test_a_model_on_another_machine_takes_nothing_here(two: Server) -> None:
    pool = domain(two, Models).pool
    memory = attrgetter("_lifecycle.room._memory")(pool)
    await load(two, node_id="next-door")
    await call(two, "Chat", greeting())
    await until(lambda: pool.worker("funland-tiny").memory_bytes is not None)

    weighed = memory.held(pool.worker("funland-tiny"))

    assert (weighed.weight, weighed.resident) == (0, 0)


async def test_devices_of_this_machine_are_none_of_another(two: Server) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await load(two, node_id="next-door", device_ids=["cpu_0"])

    (violation,) = details(raised.value)["BadRequest"].field_violations
    assert violation.field == "settings.device_ids"


async def test_a_deployment_asks_for_a_node_that_there_is(two: Server) -> None:
    for settings, reason in (
        (LoadSettings(node_id="nowhere"), "NODE_NOT_FOUND"),
        (LoadSettings(node_id="next-door", device_ids=["cpu_0"]), "FIELD_INVALID"),
    ):
        request = StartDeploymentRequest(model="funland-tiny", settings=settings)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(two, "StartDeployment", request)
        assert details(raised.value)["ErrorInfo"].reason == reason

    request = StartDeploymentRequest(
        model="funland-tiny", name="there", settings=LoadSettings(node_id="next-door")
    )
    await call(two, "StartDeployment", request)

    (process,) = (await running(two, "there")).processes
    assert process.node_id == "next-door"


async def test_a_worker_that_is_lost_comes_back(two: Server) -> None:
    await load(two, node_id="next-door")
    pool = domain(two, Models).pool
    lost = pool.worker("funland-tiny")

    os.kill(lost.process.pid, signal.SIGKILL)

    async with asyncio.timeout(SECONDS):
        assert (await call(two, "Chat", greeting())).message.content
    back = pool.worker("funland-tiny")
    assert back is not lost
    assert back.spec.node_id == "next-door"


async def test_a_cluster_needs_ray(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_installed(_: str) -> None: ...

    monkeypatch.setattr("funland_server.nodes.domain.find_spec", not_installed)
    wanted = {"placement": "ray", "ray_address": "10.0.0.5:6379"}
    nodes = Nodes(Live(settings.model_copy(update=wanted)))

    with pytest.raises(StartError, match=r"funland\[cluster\]"):
        await nodes.start()


def test_a_cluster_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ray_address\n.* it must name the cluster"):
        ServerSettings(home=tmp_path, placement="ray")


@pytest.mark.parametrize(
    "address",
    ["head", "10.0.0.5", "ray://10.0.0.5:6379", "10.0.0.5:a", "10.0.0.5:99999", "a b:1", ":1", ""],
)
def test_a_clusters_address_has_a_host_and_a_port(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match=r"ray_address\n.* it must be a host and a port"):
        ServerSettings(home=tmp_path, ray_address=address)
    assert ServerSettings(home=tmp_path, ray_address="head:6379").ray_address == "head:6379"
