"""`DeploymentService` over gRPC and native REST: one test body for both."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from funland.v1.deployments_pb2 import (
    DeleteDeploymentRequest,
    Deployment,
    GetDeploymentHealthRequest,
    GetDeploymentLogsRequest,
    GetDeploymentModelRequest,
    GetDeploymentRequest,
    ListDeploymentsRequest,
    Replica,
    RestartDeploymentRequest,
    StartDeploymentRequest,
    StopDeploymentRequest,
    VllmSettings,
    WatchDeploymentLogsRequest,
    WatchDeploymentsRequest,
)
from funland.v1.downloads_pb2 import (
    CancelDownloadRequest,
    DeleteDownloadRequest,
    Download,
    StartDownloadRequest,
    WatchDownloadsRequest,
)
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ImportModelRequest,
    Lease,
    LoadSettings,
    Model,
    Origin,
)
from funland.v1.system_pb2 import GetHealthReportRequest, PartHealth
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.e2e.wires import OVER_ONE_WIRE, Refused, Wire, wire_to
from tests.hubs import kinds
from tests.hubs.server import FakeHub

MODEL = "funland-tiny"
FILE = Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))
SIZE = FILE.stat().st_size
SMALL = LoadSettings(context_length=256, slots=2)
ROOMY = LoadSettings(context_length=2048, slots=2)
LONG = 1200
"""Tokens that take a while, even beside a test that a busy machine lets wait."""
Start = Callable[..., Awaitable[Wire]]


@pytest.fixture(params=["gRPC", "REST"])
async def start(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server, in the place of the one before, and gives the wire to it."""
    ends = AsyncExitStack()

    async def make(**settings: Any) -> Wire:
        await ends.aclose()  # one at a time has the home
        server = Server(ServerSettings(port=0, home=tmp_path / "home", **settings))
        await server.start()
        ends.push_async_callback(server.stop, 0)
        return await ends.enter_async_context(wire_to(server, request.param))

    async with ends:
        yield make


@pytest.fixture
async def wire(start: Start) -> Wire:
    return await start()


def wanted(name: str = "mine", **more: Any) -> StartDeploymentRequest:
    fields: dict[str, Any] = {"model": MODEL, "name": name, "settings": SMALL, **more}
    return StartDeploymentRequest(**fields)


async def when(
    wire: Wire, name: str, so: Callable[[Deployment], bool], seconds: float = 60
) -> Deployment:
    """The deployment as soon as something is so."""
    async with (
        asyncio.timeout(seconds),
        aclosing(
            wire.watch("WatchDeployments", WatchDeploymentsRequest(deployment_id=name))
        ) as events,
    ):
        async for event in events:
            if event.HasField("deployment") and so(event.deployment):
                return event.deployment
    raise AssertionError("the watch ended")


async def in_state(wire: Wire, name: str, state: Deployment.State.ValueType) -> Deployment:
    return await when(wire, name, lambda one: one.state == state)


async def deployed(wire: Wire, **more: Any) -> Deployment:
    """One that runs, in all its processes."""
    begun = await wire.call("StartDeployment", wanted(**more))
    return await when(
        wire,
        begun.deployment_id,
        lambda one: [each.state for each in one.processes] == [Replica.RUNNING] * one.replicas,
    )


def chat(model: str, *contents: str, tokens: int = 3) -> ChatRequest:
    roles = (Message.USER, Message.ASSISTANT)
    return ChatRequest(
        model=model,
        messages=[
            Message(role=roles[index % 2], content=content)
            for index, content in enumerate(contents)
        ],
        sampling=SamplingParameters(max_tokens=tokens, temperature=0, ignore_end=True),
    )


async def refusal(call: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as raised:
        await call
    return raised.value


async def test_a_deployment_answers_to_its_id_its_name_and_its_model(wire: Wire) -> None:
    begun = await wire.call("StartDeployment", wanted(metadata={"for": "tests"}))
    assert (begun.state, begun.replicas, begun.engine) == (
        Deployment.STARTING, 1, Deployment.BUILT_IN,
    )  # fmt: skip

    running = await in_state(wire, "mine", Deployment.RUNNING)

    for name in (running.deployment_id, "mine", MODEL):
        answer = await wire.call("Chat", chat(name, "Hello!"))
        assert (answer.model, answer.usage.completion_tokens) == (MODEL, 3)
    own = await wire.call("GetModel", GetModelRequest(model_id=MODEL))
    assert own.state == Model.INSTALLED  # nobody else was loaded for it
    (process,) = running.processes
    assert (process.index, process.state, process.restarts) == (0, Replica.RUNNING, 0)
    assert (process.pid > 0, process.memory_bytes > 0) == (True, True)
    assert (list(process.device_ids), process.node_id) == (["cpu_0"], "local")
    assert running.metadata == {"for": "tests"}
    assert running.start_time.ToNanoseconds() >= running.create_time.ToNanoseconds()
    listed = await wire.call("ListDeployments", ListDeploymentsRequest())
    assert ([one.name for one in listed.deployments], listed.total_size) == (["mine"], 1)
    told = await wire.call("GetDeploymentModel", GetDeploymentModelRequest(deployment_id="mine"))
    assert [(one.kind, one.holder) for one in told.model.loaded.leases] == [
        (Lease.DEPLOYMENT, running.deployment_id)
    ]
    assert (told.context_length, told.model.loaded.slots) == (256, 2)
    assert list(told.names) == [running.deployment_id, "mine", MODEL]
    assert told.engine.startswith("llama.cpp 0.")


async def test_one_that_is_stopped_answers_nobody_until_it_is_restarted(wire: Wire) -> None:
    first = await deployed(wire)

    stopping = await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
    assert stopping.state in (Deployment.STOPPING, Deployment.STOPPED)
    stopped = await in_state(wire, "mine", Deployment.STOPPED)

    assert len(stopped.processes) == 0
    for name in (first.deployment_id, "mine"):
        refused = await refusal(wire.call("Chat", chat(name, "Hello!")))
        assert refused.reason == "DEPLOYMENT_NOT_RUNNING"
        assert "STOPPED" in refused.message
    assert await wire.call("Chat", chat(MODEL, "Hello!"))  # by a worker of its own
    again = await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
    assert again.state == Deployment.STOPPED

    anew = await wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
    assert anew.state == Deployment.STARTING
    second = await in_state(wire, "mine", Deployment.RUNNING)

    assert await wire.call("Chat", chat("mine", "Hello!"))
    assert second.processes[0].pid != first.processes[0].pid
    assert second.start_time.ToNanoseconds() > first.start_time.ToNanoseconds()


async def test_a_stop_lets_calls_end_and_force_does_not(wire: Wire) -> None:
    running = await deployed(wire, settings=ROOMY)
    async with aclosing(wire.watch("StreamChat", chat("mine", "Story", tokens=LONG))) as events:
        await anext(events)
        os.kill(running.processes[0].pid, signal.SIGSTOP)
        stopping = await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
        assert stopping.state == Deployment.STOPPING
        assert stopping.processes[0].state == Replica.STOPPING
        refused = await refusal(wire.call("Chat", chat("mine", "Hello!")))
        assert refused.reason == "DEPLOYMENT_NOT_RUNNING"
        os.kill(running.processes[0].pid, signal.SIGCONT)

        last = [event async for event in events][-1]
        assert last.finish.usage.completion_tokens == LONG
    await in_state(wire, "mine", Deployment.STOPPED)

    await wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
    again = await in_state(wire, "mine", Deployment.RUNNING)
    async with aclosing(wire.watch("StreamChat", chat("mine", "Story", tokens=LONG))) as events:
        await anext(events)
        os.kill(again.processes[0].pid, signal.SIGSTOP)
        await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
        await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine", force=True))
        with pytest.raises(Refused) as raised:
            _ = [event async for event in events]
    assert raised.value.reason == "MODEL_UNLOADED"
    await in_state(wire, "mine", Deployment.STOPPED)


@OVER_ONE_WIRE
async def test_what_was_to_run_runs_again_after_a_restart_of_the_server(start: Start) -> None:
    wire = await start()
    first = await deployed(wire)
    await wire.call("StartDeployment", wanted("other"))
    await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="other"))

    wire = await start()
    again = await in_state(wire, "mine", Deployment.RUNNING)

    assert again.deployment_id == first.deployment_id
    assert again.create_time == first.create_time
    assert (again.settings, again.replicas) == (SMALL, 1)
    assert await wire.call("Chat", chat("mine", "Hello!"))
    other = await wire.call("GetDeployment", GetDeploymentRequest(deployment_id="other"))
    assert other.state == Deployment.STOPPED


@OVER_ONE_WIRE
async def test_a_killed_process_comes_back_and_the_other_goes_on(wire: Wire) -> None:
    running = await deployed(wire, replicas=2)
    assert len({process.pid for process in running.processes}) == 2

    os.kill(running.processes[0].pid, signal.SIGKILL)
    for _ in range(4):
        assert await wire.call("Chat", chat("mine", "Hello!"))

    back = await when(
        wire,
        "mine",
        lambda one: one.processes[0].restarts == 1 and one.processes[0].state == Replica.RUNNING,
    )
    assert (back.processes[1].pid, back.processes[1].restarts) == (running.processes[1].pid, 0)
    assert back.processes[0].last_error
    logs = await wire.call("GetDeploymentLogs", GetDeploymentLogsRequest(deployment_id="mine"))
    lost = [line for line in logs.lines if line.level == "error"]
    assert [(line.replica, "ended unasked" in line.text) for line in lost] == [(0, True)]


@OVER_ONE_WIRE
async def test_calls_wait_for_the_only_process_while_it_comes_back(wire: Wire) -> None:
    running = await deployed(wire, settings=ROOMY)
    async with aclosing(wire.watch("StreamChat", chat("mine", "Story", tokens=LONG))) as events:
        told = await anext(events)
        while not told.HasField("delta"):
            told = await anext(events)
        os.kill(running.processes[0].pid, signal.SIGKILL)
        with pytest.raises(Refused) as raised:
            _ = [event async for event in events]
    assert raised.value.reason == "WORKER_LOST"

    answer = await wire.call("Chat", chat("mine", "Hello!"))

    assert answer.usage.completion_tokens == 3
    own = await wire.call("GetModel", GetModelRequest(model_id=MODEL))
    assert own.state == Model.INSTALLED


@OVER_ONE_WIRE
async def test_what_can_not_come_back_is_tried_until_it_can(wire: Wire, tmp_path: Path) -> None:
    await wire.call("ImportModel", ImportModelRequest(path=str(FILE), model_id="copy"))
    running = await deployed(wire, model="copy")
    file = tmp_path / "home" / "models" / "copy" / "model.gguf"
    away = tmp_path / "away"
    await asyncio.to_thread(file.rename, away)

    os.kill(running.processes[0].pid, signal.SIGKILL)
    waiting = await when(wire, "mine", lambda one: one.processes[0].state == Replica.BACKING_OFF)
    assert waiting.state == Deployment.STARTING
    assert "is gone from the store" in waiting.processes[0].last_error
    refused = await refusal(wire.call("Chat", chat("mine", "Hello!")))
    assert refused.reason == "DEPLOYMENT_NOT_RUNNING"

    await asyncio.to_thread(away.rename, file)

    back = await in_state(wire, "mine", Deployment.RUNNING)
    assert back.start_time == running.start_time
    assert await wire.call("Chat", chat("mine", "Hello!"))


@OVER_ONE_WIRE
async def test_a_conversation_goes_on_where_its_beginning_was_computed(wire: Wire) -> None:
    """Else every other turn would be computed from the start."""
    await deployed(wire, replicas=2)
    felix, ruby = (["Felix, tell me a story."], ["Ruby, tell me a story."])

    for talk in (felix, ruby, ruby, felix, felix, ruby):  # in no order that goes round
        answer = await wire.call("Chat", chat("mine", *talk))
        if len(talk) > 1:
            assert answer.usage.cached_prompt_tokens > 0.5 * answer.usage.prompt_tokens
        talk += [answer.message.content, "And then?"]


@OVER_ONE_WIRE
async def test_calls_at_once_go_to_all_processes(wire: Wire) -> None:
    await deployed(wire, replicas=2, settings=ROOMY)

    async with AsyncExitStack() as streams:
        for _ in range(4):
            events = wire.watch("StreamChat", chat("mine", "Story", tokens=LONG))
            await streams.enter_async_context(aclosing(events))
            await anext(events)
        shown = await wire.call("GetDeployment", GetDeploymentRequest(deployment_id="mine"))

    assert [process.active_calls for process in shown.processes] == [2, 2]


async def test_logs_are_read_followed_and_end_with_the_deployment(wire: Wire) -> None:
    await deployed(wire)
    request = WatchDeploymentLogsRequest(deployment_id="mine")
    async with aclosing(wire.watch("WatchDeploymentLogs", request)) as lines:
        first = await anext(lines)
        assert (first.number, first.text) == (1, "The deployment is STARTING.")

        await wire.call("DeleteDeployment", DeleteDeploymentRequest(deployment_id="mine"))
        rest = [line async for line in lines]

    told = " ".join(line.text for line in rest)
    assert "answers after" in told
    assert "The deployment is RUNNING." in told
    assert [line.number for line in rest] == [*range(2, len(rest) + 2)]
    refused = await refusal(
        wire.call("GetDeploymentLogs", GetDeploymentLogsRequest(deployment_id="mine"))
    )
    assert refused.reason == "DEPLOYMENT_NOT_FOUND"


async def test_health_asks_every_process(wire: Wire) -> None:
    running = await deployed(wire, replicas=2)
    asked = GetDeploymentHealthRequest(deployment_id="mine")

    well = await wire.call("GetDeploymentHealth", asked)
    assert (well.state, well.answering, well.replicas) == (PartHealth.HEALTHY, 2, 2)
    assert 0 < well.latency_ms < 1000

    pid = running.processes[1].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        unwell = await wire.call("GetDeploymentHealth", asked)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (unwell.state, unwell.answering) == (PartHealth.DEGRADED, 1)
    assert unwell.message == "Process 1 did not answer within 1 s."

    await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine"))
    ended = await wire.call("GetDeploymentHealth", asked)
    assert (ended.state, ended.answering) == (PartHealth.FAILED, 0)
    assert not ended.HasField("latency_ms")


async def test_one_that_is_deleted_is_gone_with_its_names(wire: Wire, tmp_path: Path) -> None:
    running = await deployed(wire)

    await wire.call("DeleteDeployment", DeleteDeploymentRequest(deployment_id="mine"))

    assert not (tmp_path / "home" / "deployments" / running.deployment_id).exists()
    for name in (running.deployment_id, "mine"):
        refused = await refusal(wire.call("Chat", chat(name, "Hello!")))
        assert refused.reason == "MODEL_NOT_FOUND"
    assert await wire.call("StartDeployment", wanted())  # the name is free
    with pytest.raises(ProcessLookupError):
        os.kill(running.processes[0].pid, 0)


def cut_short(file: Path) -> None:
    half = file.read_bytes()[: SIZE // 2]
    file.unlink()  # it is a link to the original
    file.write_bytes(half)


async def test_what_can_not_load_is_failed_and_told(wire: Wire, tmp_path: Path) -> None:
    await wire.call("ImportModel", ImportModelRequest(path=str(FILE), model_id="damaged"))
    file = tmp_path / "home" / "models" / "damaged" / "model.gguf"
    await asyncio.to_thread(cut_short, file)
    await wire.call("StartDeployment", wanted(model="damaged"))

    failed = await in_state(wire, "mine", Deployment.FAILED)

    assert failed.error.reason == ErrorReason.MODEL_FILE_INVALID
    await when(wire, "mine", lambda one: not one.processes)
    report = await wire.call("GetHealthReport", GetHealthReportRequest())
    (part,) = [part for part in report.parts if part.name == "deployments"]
    assert part.state == PartHealth.DEGRADED
    assert "mine failed" in part.message
    refused = await refusal(wire.call("DeleteModel", DeleteModelRequest(model_id="damaged")))
    assert refused.reason == "MODEL_DEPLOYED"
    restarted = await wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
    assert restarted.state == Deployment.STARTING
    assert not restarted.HasField("error")
    await wire.call("DeleteDeployment", DeleteDeploymentRequest(deployment_id="mine"))
    await wire.call("DeleteModel", DeleteModelRequest(model_id="damaged"))


REFUSED: dict[str, tuple[StartDeploymentRequest, str, list[str]]] = {
    "no such model": (wanted(model="nope", download=False), "MODEL_NOT_FOUND", []),
    "a model's name": (wanted(MODEL), "DEPLOYMENT_EXISTS", []),
    "a name that is none": (wanted("Not A Name"), "FIELD_INVALID", ["name"]),
    "settings of the other engine": (
        wanted(engine=Deployment.VLLM), "FIELD_INVALID", ["settings"],
    ),
    "vLLM's settings for another engine": (
        wanted(engine=Deployment.BUILT_IN, vllm=VllmSettings(max_model_len=64)),
        "FIELD_INVALID", ["vllm"],
    ),
    "no such device": (
        wanted(settings=LoadSettings(device_ids=["gpu_77"])), "DEVICE_NOT_FOUND", [],
    ),
    "no such node": (wanted(settings=LoadSettings(node_id="b")), "NODE_NOT_FOUND", []),
    "no such node, for a model that is not here": (
        wanted(model="org/name", settings=LoadSettings(node_id="b")), "NODE_NOT_FOUND", [],
    ),
    "a setting that is none": (
        wanted(settings=LoadSettings(gpu_layers=1, device="CPU")), "FIELD_INVALID",
        ["settings.gpu_layers"],
    ),
    "a cache that holds no call": (
        wanted(settings=LoadSettings(cache_tokens=512, context_length=1024)), "FIELD_INVALID",
        ["settings.cache_tokens"],
    ),
    "a cache that holds no call, for a model that is not here": (
        wanted(model="org/name", settings=LoadSettings(cache_tokens=512, context_length=1024)),
        "FIELD_INVALID", ["settings.cache_tokens"],
    ),
    "too many replicas": (wanted(replicas=65), "FIELD_INVALID", ["replicas"]),
    "no source of a download": (wanted(model="a/b/c/d"), "FIELD_INVALID", ["model"]),
}  # fmt: skip


async def test_what_can_not_be_is_refused_at_once(wire: Wire) -> None:
    for why, (request, reason, fields) in REFUSED.items():
        refused = await refusal(wire.call("StartDeployment", request))
        assert (refused.reason, refused.fields) == (reason, fields), (why, refused.message)
    listed = await wire.call("ListDeployments", ListDeploymentsRequest())
    assert listed.total_size == 0


async def test_names_and_ports_belong_to_one(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        refused = await refusal(wire.call("StartDeployment", wanted(port=port)))
        assert (refused.reason, str(port) in refused.message) == ("PORT_TAKEN", True)

    await wire.call("StartDeployment", wanted(port=port))
    refused = await refusal(wire.call("StartDeployment", wanted()))
    assert refused.reason == "DEPLOYMENT_EXISTS"
    refused = await refusal(wire.call("StartDeployment", wanted("other", port=port)))
    assert refused.reason == "PORT_TAKEN"

    await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine", force=True))
    await wire.call("StartDeployment", wanted("other", port=port))
    refused = await refusal(
        wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
    )
    assert refused.reason == "PORT_TAKEN"


@OVER_ONE_WIRE
async def test_a_restart_that_a_delete_comes_before_starts_nothing(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    await wire.call("StartDeployment", wanted(port=port))
    await wire.call("StopDeployment", StopDeploymentRequest(deployment_id="mine", force=True))
    watch = WatchDeploymentsRequest(endpoint_urls=["http://127.0.0.1:1"])
    async with aclosing(wire.watch("WatchDeployments", watch)) as events:
        await anext(events)  # so there is a gateway, which may be about to close the port
        with socket.create_server(("127.0.0.1", port)):
            restarting = asyncio.create_task(
                wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
            )
            await asyncio.sleep(0)
            await wire.call("DeleteDeployment", DeleteDeploymentRequest(deployment_id="mine"))

        refused = await refusal(restarting)

    assert refused.reason == "DEPLOYMENT_NOT_FOUND"


async def test_lists_have_pages_and_states(wire: Wire) -> None:
    for name in ("a", "b", "c"):
        await wire.call("StartDeployment", wanted(name))
        await wire.call("StopDeployment", StopDeploymentRequest(deployment_id=name, force=True))
        await in_state(wire, name, Deployment.STOPPED)

    first = await wire.call("ListDeployments", ListDeploymentsRequest(page_size=2))
    rest = await wire.call(
        "ListDeployments", ListDeploymentsRequest(page_token=first.next_page_token)
    )
    running = await wire.call(
        "ListDeployments", ListDeploymentsRequest(states=[Deployment.RUNNING])
    )

    assert [one.name for one in first.deployments] == ["c", "b"]
    assert ([one.name for one in rest.deployments], rest.total_size) == (["a"], 3)
    assert (len(running.deployments), running.total_size) == (0, 0)
    refused = await refusal(
        wire.call("ListDeployments", ListDeploymentsRequest(page_token="x"))  # noqa: S106 - a page's
    )
    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ["page_token"])


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        hub.huggingface.add("owner/tiny-GGUF", {"tiny-Q8_0.gguf": FILE, "README.md": "# Tiny"})
        yield hub


def pointed(hub: FakeHub) -> dict[str, Any]:
    return {
        "huggingface_endpoint": hub.huggingface.url,
        "allowed_private_hosts": ("127.0.0.4",),  # its CDN
    }


def from_hub(**more: Any) -> StartDeploymentRequest:
    return wanted(model="owner/tiny-GGUF", hub=Origin.HUGGINGFACE, **more)


@OVER_ONE_WIRE
async def test_a_model_comes_from_its_hub_first(start: Start, hub: FakeHub) -> None:
    wire = await start(**pointed(hub))

    begun = await wire.call("StartDeployment", from_hub())
    assert begun.state in (Deployment.PENDING, Deployment.DOWNLOADING)
    assert begun.source == begun.model == "owner/tiny-GGUF"
    assert begun.download_id
    running = await in_state(wire, "mine", Deployment.RUNNING)

    assert (running.model, running.source) == ("tiny-q8_0", "owner/tiny-GGUF")
    assert (await wire.call("Chat", chat("mine", "Hello!"))).model == "tiny-q8_0"
    told = await wire.call("GetDeploymentModel", GetDeploymentModelRequest(deployment_id="mine"))
    assert "owner/tiny-GGUF" in told.names


@OVER_ONE_WIRE
async def test_a_download_that_the_server_did_not_see_the_end_of_goes_on(
    start: Start, hub: FakeHub
) -> None:
    hub.faults.add(kinds.rate(SIZE / 20))
    wire = await start(**pointed(hub))
    await wire.call("StartDeployment", from_hub())
    await in_state(wire, "mine", Deployment.DOWNLOADING)
    wire = await start(**pointed(hub))
    shown = await wire.call("GetDeployment", GetDeploymentRequest(deployment_id="mine"))
    assert shown.state in (Deployment.PENDING, Deployment.DOWNLOADING)

    hub.faults.clear()
    wire = await start(**pointed(hub))  # not slowed any more

    running = await in_state(wire, "mine", Deployment.RUNNING)
    assert running.model == "tiny-q8_0"


@OVER_ONE_WIRE
async def test_a_download_that_ends_badly_fails_its_deployment_and_goes_on_with_it(
    start: Start, hub: FakeHub
) -> None:
    hub.faults.add(kinds.rate(SIZE / 20))
    wire = await start(**pointed(hub))
    begun = await wire.call("StartDeployment", from_hub())
    await in_state(wire, "mine", Deployment.DOWNLOADING)

    await wire.call("CancelDownload", CancelDownloadRequest(download_id=begun.download_id))
    failed = await in_state(wire, "mine", Deployment.FAILED)
    assert "cancelled" in failed.error.message

    hub.faults.clear()
    again = await wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))
    assert again.download_id == begun.download_id
    assert (await in_state(wire, "mine", Deployment.RUNNING)).model == "tiny-q8_0"


async def ended_download(wire: Wire, hub: FakeHub) -> Deployment:
    """One that has failed, since its download was cancelled."""
    hub.faults.add(kinds.rate(SIZE / 20))
    begun = await wire.call("StartDeployment", from_hub())
    await in_state(wire, "mine", Deployment.DOWNLOADING)
    await wire.call("CancelDownload", CancelDownloadRequest(download_id=begun.download_id))
    failed = await in_state(wire, "mine", Deployment.FAILED)
    hub.faults.clear()
    return failed


@OVER_ONE_WIRE
async def test_a_model_that_came_another_way_needs_no_download(start: Start, hub: FakeHub) -> None:
    wire = await start(**pointed(hub))
    failed = await ended_download(wire, hub)
    other = await wire.call("StartDownload", StartDownloadRequest(source="owner/tiny-GGUF"))
    assert other.download_id != failed.download_id
    watch = WatchDownloadsRequest(download_id=other.download_id, until_end=True)
    async with asyncio.timeout(120), aclosing(wire.watch("WatchDownloads", watch)) as events:
        ends = [event.download.state async for event in events if event.HasField("download")]
    assert ends[-1] == Download.COMPLETED

    await wire.call("RestartDeployment", RestartDeploymentRequest(deployment_id="mine"))

    running = await in_state(wire, "mine", Deployment.RUNNING)
    assert (running.model, running.download_id) == ("tiny-q8_0", "")


@OVER_ONE_WIRE
async def test_what_fails_for_another_reason_than_before_tells_that(
    start: Start, hub: FakeHub
) -> None:
    wire = await start(**pointed(hub))
    failed = await ended_download(wire, hub)
    await wire.call("DeleteDownload", DeleteDownloadRequest(download_id=failed.download_id))

    wire = await start(**pointed(hub))

    shown = await wire.call("GetDeployment", GetDeploymentRequest(deployment_id="mine"))
    assert shown.state == Deployment.FAILED
    assert shown.error.reason == ErrorReason.MODEL_NOT_FOUND


@OVER_ONE_WIRE
async def test_a_hub_that_has_no_such_model_is_told_at_once(start: Start, hub: FakeHub) -> None:
    wire = await start(**pointed(hub))

    refused = await refusal(wire.call("StartDeployment", from_hub(variant="Q2_K")))
    assert refused.reason == "VARIANT_NOT_FOUND"
    refused = await refusal(
        wire.call("StartDeployment", wanted(model="owner/none", hub=Origin.HUGGINGFACE))
    )
    assert refused.reason == "HUB_MODEL_NOT_FOUND"


async def watched(events: AsyncGenerator[Any], count: int) -> list[Any]:
    async with asyncio.timeout(120):
        return [await anext(events) for _ in range(count)]


async def test_a_watch_begins_with_what_is_and_goes_on_with_what_changes(wire: Wire) -> None:
    async with aclosing(wire.watch("WatchDeployments", WatchDeploymentsRequest())) as events:
        (synced,) = await watched(events, 1)
        assert synced.HasField("synced")
        begun = await wire.call("StartDeployment", wanted())
        (first,) = await watched(events, 1)
        assert first.deployment.deployment_id == begun.deployment_id

        await wire.call("DeleteDeployment", DeleteDeploymentRequest(deployment_id="mine"))
        while not (event := (await watched(events, 1))[0]).deleted_deployment_id:
            pass
        assert event.deleted_deployment_id == begun.deployment_id
