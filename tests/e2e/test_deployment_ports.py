"""Deployments at ports of their own, which a gateway in the process, or one alone, opens."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import orjson
import pytest

from funland.v1.deployments_pb2 import (
    DeleteDeploymentRequest,
    Deployment,
    DeploymentEvent,
    GetDeploymentHealthRequest,
    ListDeploymentsRequest,
    ReportDeploymentEndpointRequest,
    RestartDeploymentRequest,
    StartDeploymentRequest,
    StopDeploymentRequest,
    WatchDeploymentsRequest,
)
from funland.v1.models_pb2 import LoadSettings
from funland.v1.system_pb2 import PartHealth
from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.deployments import control, endpoints
from tests.e2e.wires import Grpc, Wire

MODEL = "funland-tiny"
SETTINGS = LoadSettings(context_length=256, slots=2)


def free_port() -> int:
    """A port that is none of those which the system gives away."""
    run = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    for port in range(20_000 + 500 * run + os.getpid() % 400, 32_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no free port")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(ServerSettings(port=0, home=tmp_path / "home"))
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def wire(server: Server) -> AsyncIterator[Wire]:
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Grpc(channel)


@asynccontextmanager
async def gateway_of(server: Server, kind: str = "inside", **more: Any) -> AsyncGenerator[Gateway]:
    async with AsyncExitStack() as ends:
        if kind == "inside":
            gateway = Gateway(server.channel, GatewaySettings(port=0, **more))
        else:
            channel = grpc.aio.insecure_channel(server.address)
            await ends.enter_async_context(channel)
            gateway = Gateway(GrpcChannel(channel), GatewaySettings(port=0, **more))
        await gateway.start()
        ends.push_async_callback(gateway.stop, 0)
        yield gateway


@pytest.fixture(params=["inside", "alone"])
async def gateway(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Gateway]:
    async with gateway_of(server, request.param) as gateway:
        yield gateway


async def when(wire: Wire, so: Callable[[Deployment], bool], name: str = "mine") -> Deployment:
    request = WatchDeploymentsRequest(deployment_id=name)
    async with asyncio.timeout(120), aclosing(wire.watch("WatchDeployments", request)) as events:
        async for event in events:
            if event.HasField("deployment") and so(event.deployment):
                return event.deployment
    raise AssertionError("the watch ended")


def is_open(deployment: Deployment) -> bool:
    return deployment.state == Deployment.RUNNING and bool(deployment.endpoint_url)


async def start(wire: Wire, port: int, name: str = "mine") -> None:
    await wire.call(
        "StartDeployment",
        StartDeploymentRequest(model=MODEL, name=name, settings=SETTINGS, port=port),
    )


def chat(model: str | None = None, tokens: int = 3, *, stream: bool = False) -> dict[str, Any]:
    named = {} if model is None else {"model": model}
    messages = [{"role": "user", "content": "Hello!"}]
    return {"messages": messages, "max_tokens": tokens, "stream": stream, **named}


async def is_refused(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_port_answers_for_its_deployment_alone(wire: Wire, gateway: Gateway) -> None:
    port = free_port()
    await start(wire, port)

    opened = await when(wire, is_open)

    assert opened.endpoint_url == f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(opened.endpoint_url) as session:
        for name in (None, "", "mine", opened.deployment_id, MODEL):
            async with session.post("/v1/chat/completions", json=chat(name)) as answer:
                told = await answer.json()
            assert (answer.status, told.get("model")) == (200, MODEL), (name, told)
        for path, body in (
            ("/v1/completions", {"prompt": "Hello", "max_tokens": 2}),
            ("/tokenize", {"content": "Hello"}),
            ("/tokenize", {"messages": chat()["messages"]}),
            ("/v1/embeddings", {"input": "Hello"}),
            ("/v1/responses", {"input": "Hello", "max_output_tokens": 3}),
        ):
            async with session.post(path, json=body) as answer:
                assert answer.status == 200, (path, await answer.text())
            async with session.post(path, json={**body, "model": "gpt-5"}) as answer:
                told = await answer.json()
            assert (answer.status, told["error"]["code"]) == (404, "model_not_found"), path
            assert (told["error"]["param"], "'mine'" in told["error"]["message"]) == ("model", True)
        async with session.get("/tokenizer_info", params={"model": "gpt-5"}) as answer:
            assert answer.status == 404
        async with session.get("/tokenizer_info") as answer:
            assert (await answer.json())["model"] == MODEL
        async with session.get("/v1/models") as answer:
            told = await answer.json()
        assert [entry["id"] for entry in told["data"]] == ["mine", MODEL]
        assert told["data"][0]["max_model_len"] == 256
        async with session.get(f"/v1/models/{opened.deployment_id}") as answer:
            assert (await answer.json())["id"] == opened.deployment_id
        async with session.get("/v1/models/gpt-5") as answer:
            assert answer.status == 404
        async with session.delete(f"/v1/models/{MODEL}") as answer:
            assert answer.status == 405
        async with session.get("/health") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "healthy")
        async with session.get("/docs") as answer:
            assert answer.status == 200
        async with session.get("/openapi.json") as answer:
            paths = orjson.loads(await answer.read())["paths"]
        assert "/v1/chat/completions" in paths
        assert not [path for path in paths if path.startswith(("/funland", "/api"))]
        async with session.get("/funland/v1/models") as answer:
            assert (answer.status, "error" in await answer.json()) == (404, True)
        for header in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            async with session.get("/health", headers=header) as answer:
                assert answer.status == 403, header


async def test_a_port_closes_with_its_deployment_and_opens_with_it_again(
    wire: Wire, gateway: Gateway
) -> None:
    port = free_port()
    await start(wire, port)
    await when(wire, is_open)

    await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
    stopped = await when(wire, lambda one: one.state == Deployment.STOPPED)
    assert stopped.endpoint_url == ""
    async with asyncio.timeout(120):
        while not await is_refused(port):  # noqa: ASYNC110 - the system tells nobody
            await asyncio.sleep(0.01)

    await wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
    await when(wire, is_open)
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.post("/v1/chat/completions", json=chat()) as answer,
    ):
        assert answer.status == 200

    await wire.call("DeleteDeployment", DeleteDeploymentRequest(deployment_id="mine"))
    async with asyncio.timeout(120):
        while not await is_refused(port):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_an_answer_goes_on_while_its_deployment_stops(wire: Wire, gateway: Gateway) -> None:
    port = free_port()
    await start(wire, port)
    opened = await when(wire, is_open)
    async with (
        aiohttp.ClientSession(opened.endpoint_url) as session,
        session.post(
            "/v1/chat/completions",
            json={**chat(tokens=200, stream=True), "ignore_eos": True},
        ) as answer,
    ):
        await answer.content.readline()
        await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
        await when(wire, lambda one: one.state == Deployment.STOPPING and not one.endpoint_url)
        assert await is_refused(port)

        rest = await answer.read()

    assert rest.rstrip().endswith(b"data: [DONE]")


async def test_a_port_that_another_has_taken_meanwhile_is_told_and_tried_again(
    wire: Wire, gateway: Gateway
) -> None:
    port = free_port()
    await start(wire, port)
    with socket.create_server(("127.0.0.1", port)):
        failed = await when(wire, lambda one: bool(one.endpoint_error))
        assert failed.endpoint_error == f"127.0.0.1:{port}: another program listens there."
        assert failed.state == Deployment.RUNNING
        asked = GetDeploymentHealthRequest(deployment_id="mine")
        health = await wire.call("GetDeploymentHealth", asked)
        assert (health.state, health.answering) == (PartHealth.DEGRADED, 1)
        assert str(port) in health.message

    opened = await when(wire, is_open)

    assert opened.endpoint_error == ""


async def test_the_common_port_answers_for_any_number_of_deployments(
    wire: Wire, gateway: Gateway
) -> None:
    port = int(gateway.url.rpartition(":")[2])
    await start(wire, port)
    await start(wire, port, "other")

    for name in ("mine", "other"):
        assert (await when(wire, is_open, name)).endpoint_url == gateway.url
    async with aiohttp.ClientSession(gateway.url) as session:
        async with session.post("/v1/chat/completions", json=chat("mine")) as answer:
            assert answer.status == 200
        async with session.get("/v1/models") as answer:
            listed = {entry["id"]: entry for entry in (await answer.json())["data"]}
        async with session.get("/v1/models/mine") as answer:
            assert (answer.status, await answer.json()) == (200, listed["mine"])
    assert {"mine", "other", MODEL} <= listed.keys()
    assert listed["mine"]["max_model_len"] == SETTINGS.context_length


async def test_a_port_is_not_taken_that_a_gateway_is_about_to_call_its_own(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()

    def listened_at(hosts: Iterable[str], port: int) -> bool:
        looked.set()
        return endpoints.listened_at(hosts, port)

    monkeypatch.setattr(control, "listened_at", listened_at)
    monkeypatch.setattr(control, "_CLOSING_SECONDS", 120)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        starting = asyncio.create_task(start(wire, port))
        assert await asyncio.to_thread(looked.wait, 120)
        watch = WatchDeploymentsRequest(endpoint_urls=[f"http://127.0.0.1:{port}"])
        async with aclosing(wire.watch("WatchDeployments", watch)) as events:
            urls = [e.deployment.endpoint_url async for e in until_open(events)]

            await starting

    assert urls[-1] == f"http://127.0.0.1:{port}"


async def until_open(events: AsyncIterator[DeploymentEvent]) -> AsyncIterator[DeploymentEvent]:
    async with asyncio.timeout(120):
        async for event in events:
            yield event
            if event.HasField("deployment") and is_open(event.deployment):
                return


async def test_ports_are_open_as_long_as_there_is_a_gateway(server: Server, wire: Wire) -> None:
    port = free_port()
    await start(wire, port)
    alone = await when(wire, lambda one: one.state == Deployment.RUNNING)
    assert (alone.endpoint_url, "funland gateway" in alone.endpoint_error) == ("", True)

    async with gateway_of(server, "alone"):
        opened = await when(wire, is_open)
        assert opened.endpoint_error == ""

    left = await when(wire, lambda one: not one.endpoint_url)
    assert "funland gateway" in left.endpoint_error
    assert await is_refused(port)
    async with gateway_of(server):
        assert (await when(wire, is_open)).endpoint_url == opened.endpoint_url


async def test_what_the_server_has_forgotten_of_a_port_is_told_again(
    wire: Wire, gateway: Gateway
) -> None:
    """As after a stop and a restart that the gateway saw nothing of."""
    await start(wire, free_port())
    opened = await when(wire, is_open)

    forgotten = await wire.call(
        "ReportDeploymentEndpoint", ReportDeploymentEndpointRequest(deployment_id="mine")
    )

    assert forgotten.endpoint_url == ""
    assert (await when(wire, is_open)).endpoint_url == opened.endpoint_url


async def test_a_gateway_finds_a_server_that_was_restarted(tmp_path: Path) -> None:
    settings = ServerSettings(port=0, home=tmp_path / "home")
    first = Server(settings)
    await first.start()
    port = free_port()
    address = int(first.address.rpartition(":")[2])
    try:
        async with grpc.aio.insecure_channel(first.address) as channel:
            await start(Grpc(channel), port)
            gateway = Gateway(GrpcChannel(channel), GatewaySettings(port=0))
            await gateway.start()
            try:
                await when(Grpc(channel), is_open)
                await first.stop(0)

                first = Server(settings.model_copy(update={"port": address}))
                await first.start()
                await channel.channel_ready()  # else calls fail until it tries again

                reopened = await when(Grpc(channel), is_open)
                assert reopened.endpoint_url == f"http://127.0.0.1:{port}"
                listed = await Grpc(channel).call("ListDeployments", ListDeploymentsRequest())
                assert listed.total_size == 1
            finally:
                await gateway.stop(0)
    finally:
        await first.stop(0)
