"""What the client says of deployments and nodes on the wire, and how it follows a deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from funland.v1.deployments_pb2 import (
    DeleteDeploymentRequest,
    Deployment,
    DeploymentEvent,
    DeploymentHealth,
    DeploymentModel,
    GetDeploymentHealthRequest,
    GetDeploymentLogsRequest,
    GetDeploymentLogsResponse,
    GetDeploymentModelRequest,
    GetDeploymentRequest,
    ListDeploymentsRequest,
    ListDeploymentsResponse,
    LogLine,
    RestartDeploymentRequest,
    StartDeploymentRequest,
    StopDeploymentRequest,
    VllmSettings,
    WatchDeploymentLogsRequest,
    WatchDeploymentsRequest,
)
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.mcp_pb2 import ListMcpServersRequest, ListMcpServersResponse, McpServer
from funland.v1.models_pb2 import LoadSettings, Origin
from funland.v1.nodes_pb2 import GetNodeRequest, ListNodesRequest, ListNodesResponse, Node
from funland.v1.system_pb2 import PartHealth
from funland_client import AsyncFunland, Funland
from funland_client.errors import (
    DeploymentExistsError,
    DeploymentNotFoundError,
    DeploymentNotRunningError,
    InvalidRequestError,
    ModelLoadError,
    ServerStoppingError,
    StreamBrokenError,
)
from tests.scripted_server import Refusal, serving


def deployment(state: Deployment.State.ValueType) -> Deployment:
    return Deployment(deployment_id="d", name="chat", model="m", state=state)


STARTING = deployment(Deployment.STARTING)
RUNNING = deployment(Deployment.RUNNING)
LINES = [LogLine(number=number, text=f"line {number}") for number in (1, 2, 3)]
NODE = Node(node_id="local", local=True)

CALLS: list[tuple[str, Callable[[Any], Any], Message, Message, Any]] = [
    (
        "StartDeployment",
        lambda client: client.deployments.start(
            "qwen2.5:0.5b", hub="ollama", variant="q4_k_m", download=False, name="chat",
            engine="vllm", settings={"context_length": 4096, "device_ids": ["gpu_0"]},
            vllm={"gpu_memory_utilization": 0.5, "dtype": "float16"}, replicas=2, port=9001,
            metadata={"k": "v"},
        ),
        StartDeploymentRequest(
            model="qwen2.5:0.5b", hub=Origin.OLLAMA, variant="q4_k_m", download=False, name="chat",
            engine=Deployment.VLLM,
            settings=LoadSettings(context_length=4096, device_ids=["gpu_0"]),
            vllm=VllmSettings(gpu_memory_utilization=0.5, dtype="float16"), replicas=2, port=9001,
            metadata={"k": "v"},
        ),
        STARTING,
        STARTING,
    ),
    (
        "GetDeployment",
        lambda client: client.deployments.get("chat"),
        GetDeploymentRequest(deployment_id="chat"),
        RUNNING,
        RUNNING,
    ),
    (
        "ListDeployments",
        lambda client: client.deployments.list(states=["running", "failed"]),
        ListDeploymentsRequest(states=[Deployment.RUNNING, Deployment.FAILED]),
        ListDeploymentsResponse(deployments=[RUNNING]),
        [RUNNING],
    ),
    (
        "StopDeployment",
        lambda client: client.deployments.stop("d", force=True),
        StopDeploymentRequest(deployment_id="d", force=True),
        RUNNING,
        RUNNING,
    ),
    (
        "RestartDeployment",
        lambda client: client.deployments.restart("d"),
        RestartDeploymentRequest(deployment_id="d"),
        STARTING,
        STARTING,
    ),
    (
        "DeleteDeployment",
        lambda client: client.deployments.delete("d"),
        DeleteDeploymentRequest(deployment_id="d"),
        Empty(),
        None,
    ),
    (
        "GetDeploymentLogs",
        lambda client: client.deployments.logs("d", lines=3),
        GetDeploymentLogsRequest(deployment_id="d", lines=3),
        GetDeploymentLogsResponse(lines=LINES),
        LINES,
    ),
    (
        "GetDeploymentHealth",
        lambda client: client.deployments.health("d"),
        GetDeploymentHealthRequest(deployment_id="d"),
        DeploymentHealth(state=PartHealth.HEALTHY, answering=1),
        DeploymentHealth(state=PartHealth.HEALTHY, answering=1),
    ),
    (
        "GetDeploymentModel",
        lambda client: client.deployments.model("d"),
        GetDeploymentModelRequest(deployment_id="d"),
        DeploymentModel(engine="vllm 0.32.0"),
        DeploymentModel(engine="vllm 0.32.0"),
    ),
    (
        "ListNodes",
        lambda client: client.nodes.list(dead=True),
        ListNodesRequest(all=True),
        ListNodesResponse(nodes=[NODE]),
        [NODE],
    ),
    (
        "GetNode",
        lambda client: client.nodes.get("local"),
        GetNodeRequest(node_id="local"),
        NODE,
        NODE,
    ),
    (
        "ListMcpServers",
        lambda client: client.mcp.list("files", connect=True),
        ListMcpServersRequest(name="files", connect=True),
        ListMcpServersResponse(servers=[McpServer(name="files")]),
        [McpServer(name="files")],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rpc", "call", "request_", "answer", "result"), CALLS, ids=[call[0] for call in CALLS]
)
async def test_a_call_is_its_rpc_in_both_clients(
    rpc: str, call: Callable[[Any], Any], request_: Message, answer: Message, result: Any
) -> None:
    with serving(**{rpc: answer}) as server:
        with Funland(server.address) as blocking:
            assert call(blocking) == result
        async with AsyncFunland(server.address) as asynchronous:
            assert await call(asynchronous) == result

    assert server.requests == [request_, request_]


def test_lists_are_read_to_their_last_page() -> None:
    def deployments(request: ListDeploymentsRequest) -> ListDeploymentsResponse:
        if not request.page_token:
            return ListDeploymentsResponse(deployments=[RUNNING], next_page_token=RUNNING.model)
        return ListDeploymentsResponse(deployments=[STARTING])

    with serving(ListDeployments=deployments) as server, Funland(server.address) as client:
        assert client.deployments.list() == [RUNNING, STARTING]


def test_what_the_contract_does_not_know_names_its_field() -> None:
    wrong: Any = "soon"
    unknown: Any = {"dtyp": "auto"}

    with Funland("127.0.0.1:1") as client:
        with pytest.raises(InvalidRequestError, match=r"^engine: "):
            client.deployments.start("m", engine=wrong)
        with pytest.raises(InvalidRequestError, match=r"^settings\.engine: "):
            client.deployments.start("m", settings={"engine": wrong})
        with pytest.raises(InvalidRequestError, match=r"^vllm\.max_model_len: "):
            client.deployments.start("m", vllm={"max_model_len": 1 << 40})
        with pytest.raises(InvalidRequestError, match=r"^states\[0\]\.state: "):
            client.deployments.list(states=[wrong])
        with pytest.raises(TypeError, match="did you mean 'dtype'"):
            client.deployments.start("m", vllm=unknown)


def told(*states: Deployment) -> Callable[[Any], Iterator[DeploymentEvent]]:
    """Answers a watch with these states."""
    return lambda _: iter(
        [DeploymentEvent(deployment=states[0]), DeploymentEvent(synced=Empty())]
        + [DeploymentEvent(deployment=state) for state in states[1:]]
    )


async def test_a_run_gives_each_state_until_the_model_answers() -> None:
    downloading = deployment(Deployment.DOWNLOADING)

    with serving(
        StartDeployment=downloading, WatchDeployments=told(downloading, STARTING, RUNNING)
    ) as server:
        with Funland(server.address) as blocking:
            seen = list(blocking.deployments.run("qwen2.5:0.5b", name="chat"))
        async with AsyncFunland(server.address) as asynchronous:
            run = asynchronous.deployments.run("qwen2.5:0.5b", name="chat")
            assert [state async for state in run] == seen

    assert seen == [downloading, downloading, STARTING, RUNNING]
    start = StartDeploymentRequest(model="qwen2.5:0.5b", name="chat")
    watch = WatchDeploymentsRequest(deployment_id="d")
    assert server.requests == [start, watch, start, watch]


async def test_what_runs_is_waited_for() -> None:
    with serving(GetDeployment=STARTING, WatchDeployments=told(STARTING, RUNNING)) as server:
        with Funland(server.address) as blocking:
            assert blocking.deployments.wait("chat") == RUNNING
        async with AsyncFunland(server.address) as asynchronous:
            assert await asynchronous.deployments.wait("chat") == RUNNING


def test_what_runs_already_is_not_watched() -> None:
    with serving(StartDeployment=RUNNING) as server, Funland(server.address) as client:
        assert list(client.deployments.run("m")) == [RUNNING]


def test_what_can_not_begin_fails_before_anything_comes() -> None:
    def refuse(_: Any) -> Deployment:
        raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "DEPLOYMENT_EXISTS", "chat is taken.")

    with (
        serving(StartDeployment=refuse) as server,
        Funland(server.address) as client,
        pytest.raises(DeploymentExistsError, match="chat is taken"),
    ):
        next(client.deployments.run("m", name="chat"))


BROKEN = Error(
    code="FAILED_PRECONDITION", reason=ErrorReason.MODEL_LOAD_FAILED, message="It is no model."
)


@pytest.mark.parametrize(
    ("last", "kind", "message"),
    [
        (Deployment(state=Deployment.FAILED, error=BROKEN), ModelLoadError, "It is no model"),
        (Deployment(state=Deployment.STOPPED), DeploymentNotRunningError, "was stopped"),
    ],
    ids=["failed", "stopped"],
)
async def test_a_deployment_that_does_not_run_says_why(
    last: Deployment, kind: type[Exception], message: str
) -> None:
    with serving(StartDeployment=STARTING, WatchDeployments=told(STARTING, last)) as server:
        seen: list[Deployment] = []
        with Funland(server.address) as client, pytest.raises(kind, match=message):
            seen.extend(client.deployments.run("m"))
        async with AsyncFunland(server.address) as client:
            follow = client.deployments.follow("d")
            with pytest.raises(kind, match=message):
                seen.extend([state async for state in follow])

    assert seen[-1] == last
    assert len(server.requests) == 3  # Nothing was done twice.


def test_a_deployment_that_is_deleted_is_not_there_any_more() -> None:
    deleted = DeploymentEvent(deleted_deployment_id="d")

    with (
        serving(
            WatchDeployments=lambda _: [DeploymentEvent(deployment=STARTING), deleted]
        ) as server,
        Funland(server.address) as client,
        pytest.raises(DeploymentNotFoundError, match="deleted"),
    ):
        list(client.deployments.follow("d"))


def stops(reason: str, times: int) -> Callable[[Any], Iterator[DeploymentEvent]]:
    """Answers so many watches with one state and a failure, or an end, and the next to its end."""
    broken = iter(range(times))

    def answer(_: Any) -> Iterator[DeploymentEvent]:
        yield DeploymentEvent(deployment=STARTING)
        if next(broken, None) is None:
            yield DeploymentEvent(deployment=RUNNING)
        elif reason:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, reason, "The server stops.")

    return answer


@pytest.mark.parametrize(("reason", "times"), [("SERVER_STOPPING", 3), ("", 1)])
async def test_a_server_that_starts_again_is_found_again(reason: str, times: int) -> None:
    with serving(WatchDeployments=stops(reason, times)) as server:
        with Funland(server.address, retries=1) as client:
            seen = list(client.deployments.follow("d"))
        server.answers["WatchDeployments"] = stops(reason, times)
        async with AsyncFunland(server.address, retries=1) as client:
            assert [state async for state in client.deployments.follow("d")] == seen

    assert seen == [STARTING] * (times + 1) + [RUNNING]


@pytest.mark.parametrize(
    ("reason", "kind"), [("SERVER_STOPPING", ServerStoppingError), ("", StreamBrokenError)]
)
def test_a_server_that_stays_away_is_the_end(reason: str, kind: type[Exception]) -> None:
    with (
        serving(WatchDeployments=stops(reason, 1)) as server,
        Funland(server.address, retries=0) as client,
        pytest.raises(kind),
    ):
        list(client.deployments.follow("d"))


async def test_a_log_goes_on_where_the_connection_broke() -> None:
    def log(request: WatchDeploymentLogsRequest) -> Iterator[LogLine]:
        yield from (
            line for line in LINES[: 2 if not request.after else 3] if line.number > request.after
        )
        if not request.after:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")

    with serving(WatchDeploymentLogs=log) as server:
        with Funland(server.address, retries=1) as client:
            assert list(client.deployments.follow_logs("chat", lines=5)) == LINES
        async with AsyncFunland(server.address, retries=1) as client:
            assert [line async for line in client.deployments.follow_logs("chat")] == LINES

    assert server.requests == [
        WatchDeploymentLogsRequest(deployment_id="chat", lines=5),
        WatchDeploymentLogsRequest(deployment_id="chat", lines=5, after=2),
        WatchDeploymentLogsRequest(deployment_id="chat"),
        WatchDeploymentLogsRequest(deployment_id="chat", after=2),
    ]


def test_a_log_whose_server_stays_away_is_at_its_end() -> None:
    def refuse(_: WatchDeploymentLogsRequest) -> Iterator[LogLine]:
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")

    with (
        serving(WatchDeploymentLogs=refuse) as server,
        Funland(server.address, retries=0) as client,
        pytest.raises(ServerStoppingError),
    ):
        list(client.deployments.follow_logs("d"))
