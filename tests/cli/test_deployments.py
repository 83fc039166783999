"""Deployments and nodes as a user sees them, with a server that is told what to say."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.deployments_pb2 import (
    Deployment,
    DeploymentEvent,
    DeploymentHealth,
    GetDeploymentLogsRequest,
    GetDeploymentLogsResponse,
    ListDeploymentsResponse,
    LogLine,
    Replica,
    StartDeploymentRequest,
    StopDeploymentRequest,
    VllmSettings,
    WatchDeploymentLogsRequest,
    WatchDeploymentsRequest,
)
from funland.v1.downloads_pb2 import Download, DownloadEvent
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.models_pb2 import LoadSettings, Origin
from funland.v1.nodes_pb2 import ListNodesRequest, ListNodesResponse, Node
from funland.v1.system_pb2 import PartHealth
from funland_cli.deploy import DeployEngine, settings
from funland_cli.failures import CommandError
from tests.cli.terminal import SECONDS
from tests.cli.test_pull import interrupted, refused
from tests.scripted_server import Refusal, ScriptedServer, serving

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def deployment(state: Deployment.State.ValueType, **more: Any) -> Deployment:
    return Deployment(
        deployment_id="deploy_1", name="chat", model="qwen", state=state, replicas=2, **more
    )


DOWNLOADING = deployment(Deployment.DOWNLOADING, download_id="d1")
STARTING = deployment(
    Deployment.STARTING,
    processes=[Replica(index=0, state=Replica.RUNNING), Replica(index=1, state=Replica.STARTING)],
)
RUNNING = deployment(
    Deployment.RUNNING,
    port=9001,
    endpoint_url="http://127.0.0.1:9001",
    settings=LoadSettings(engine=LoadSettings.LLAMA_CPP, context_length=4096, device_ids=["gpu_0"]),
    processes=[
        Replica(index=0, state=Replica.RUNNING, pid=71, active_calls=2, memory_bytes=2_000_000),
        Replica(index=1, state=Replica.BACKING_OFF, restarts=3, last_error="It was killed."),
    ],
)
STOPPED = deployment(Deployment.STOPPED)
LINES = [
    LogLine(number=1, time=Timestamp(seconds=1), level="info", text="It starts."),
    LogLine(number=2, time=Timestamp(seconds=2), level="error", replica=1, text="\x1b[31mNo!"),
]
SHOWN_LINES = [
    "1970-01-01T00:00:01.000Z info    [server] It starts.",
    "1970-01-01T00:00:02.000Z error   [1] [31mNo!",
]


def told(*states: Deployment) -> Callable[[Any], Iterator[DeploymentEvent]]:
    return lambda _: iter([DeploymentEvent(deployment=state) for state in states])


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """One whose deployment goes well."""
    downloads = [
        Download(download_id="d1", source="qwen", state=Download.DOWNLOADING),
        Download(download_id="d1", source="qwen", state=Download.COMPLETED),
    ]
    with serving(
        StartDeployment=DOWNLOADING,
        WatchDeployments=told(DOWNLOADING, STARTING, RUNNING),
        WatchDownloads=lambda _: iter([DownloadEvent(download=each) for each in downloads]),
        GetDeployment=RUNNING,
        ListDeployments=ListDeploymentsResponse(deployments=[RUNNING]),
    ) as scripted:
        yield scripted


def run(
    funland: Command, server: ScriptedServer, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return funland(*arguments, FUNLAND_SERVER=server.address)


def test_a_deployment_is_shown_until_it_runs_and_how_to_use_it(
    funland: Command, server: ScriptedServer
) -> None:
    result = run(funland, server, "deploy", "qwen", "--name", "chat", "--port", "9001")

    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "chat runs. Try it: funland chat -m chat",
        "OpenAI's API for it: http://127.0.0.1:9001/v1",
    ]
    assert "downloading" in result.stderr
    assert "starting, 1 of 2 processes answer\n" in result.stderr
    assert server.requests[0] == StartDeploymentRequest(model="qwen", name="chat", port=9001)


def test_programs_get_a_line_of_json_for_each_state(
    funland: Command, server: ScriptedServer
) -> None:
    result = run(funland, server, "deploy", "qwen", "--json")

    states = [json.loads(line)["state"] for line in result.stdout.splitlines()]
    assert states == ["DOWNLOADING", "STARTING", "RUNNING"]
    assert result.stderr == ""


def test_every_option_is_part_of_what_is_asked_for(
    funland: Command, server: ScriptedServer
) -> None:
    flags = (
        *("--name", "chat", "--port", "9001", "--replicas", "2", "--hub", "modelscope"),
        *("-q", "q4_k_m", "--no-download", "--engine", "llama_cpp", "--device", "gpu_0,gpu_1"),
        *("--gpu-memory", "0.5", "--context", "4096", "--slots", "4", "--node", "n2"),
    )

    result = run(funland, server, "deploy", "o/n", *flags, "--detach")

    assert (result.returncode, result.stdout) == (0, "deploy_1\n")
    assert "funland deployments show chat" in result.stderr
    assert server.requests == [
        StartDeploymentRequest(
            model="o/n", name="chat", port=9001, replicas=2, hub=Origin.MODELSCOPE,
            variant="q4_k_m", download=False, engine=Deployment.BUILT_IN,
            settings=LoadSettings(
                engine=LoadSettings.LLAMA_CPP, device_ids=["gpu_0", "gpu_1"],
                gpu_memory_fraction=0.5, context_length=4096, slots=4, node_id="n2",
            ),
        )
    ]  # fmt: skip


def test_what_is_for_vllm_is_vllms(funland: Command, server: ScriptedServer) -> None:
    flags = ("--engine", "vllm", "--gpu-memory", "0.5", "--dtype", "float16", "--slots", "4")

    run(funland, server, "deploy", "o/n", *flags, "--detach", "--json")

    assert server.requests == [
        StartDeploymentRequest(
            model="o/n",
            engine=Deployment.VLLM,
            vllm=VllmSettings(gpu_memory_utilization=0.5, dtype="float16", max_num_seqs=4),
        )
    ]


@pytest.mark.parametrize(
    ("engine", "flags", "made"),
    [
        (None, {}, {}),
        (
            None,
            {"context_length": 64},
            {"settings": {"context_length": 64}, "vllm": {"max_model_len": 64}},
        ),
        (None, {"device": "gpu_0"}, {"settings": {"device_ids": ["gpu_0"]}}),
        (None, {"dtype": "auto"}, {"vllm": {"dtype": "auto"}}),
        ("vllm", {}, {"engine": "vllm"}),
        (
            "vllm",
            {"tensor_parallel": 2},
            {"engine": "vllm", "vllm": {"tensor_parallel_size": 2}},
        ),
        ("openvino", {}, {"engine": "built_in", "settings": {"engine": "openvino"}}),
    ],
    ids=["nothing", "whichever", "ours", "vllms", "vllm", "vllm with", "built in"],
)
def test_flags_are_settings_of_the_engine_that_they_are_for(
    engine: DeployEngine | None, flags: dict[str, Any], made: dict[str, Any]
) -> None:
    assert settings(engine, **flags) == made


@pytest.mark.parametrize(
    ("engine", "flags", "said"),
    [
        ("vllm", {"device": "gpu_0"}, "vllm has no --device."),
        ("vllm", {"node": "n2"}, "vllm has no --node."),
        ("llama_cpp", {"dtype": "auto"}, "llama_cpp has no --dtype."),
        ("openvino", {"tensor_parallel": 2}, "openvino has no --tensor-parallel."),
    ],
    ids=["device", "node", "dtype", "tensor parallel"],
)
def test_a_flag_that_the_engine_has_none_of_is_refused(
    engine: DeployEngine, flags: dict[str, Any], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        settings(engine, **flags)


@pytest.mark.parametrize(
    ("refusal", "exit_code", "hint"),
    [
        (refused(grpc.StatusCode.ALREADY_EXISTS, "DEPLOYMENT_EXISTS"), 1, "--name"),
        (refused(grpc.StatusCode.FAILED_PRECONDITION, "PORT_TAKEN"), 1, "--port"),
        (refused(grpc.StatusCode.NOT_FOUND, "HUB_MODEL_NOT_FOUND"), 4, "funland search"),
    ],
    ids=["exists", "port", "not found"],
)
def test_what_can_not_begin_says_why_and_what_to_do(
    funland: Command,
    server: ScriptedServer,
    refusal: Refusal,
    exit_code: int,
    hint: str,
) -> None:
    def refuse(_: StartDeploymentRequest) -> Deployment:
        raise refusal

    server.answers["StartDeployment"] = refuse

    result = run(funland, server, "deploy", "o/n")

    assert result.returncode == exit_code
    assert result.stderr.startswith("error: It can not be.\n")
    assert hint in result.stderr
    assert len(server.requests) == 1


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_deployment_that_fails_says_why_and_what_to_do(
    funland: Command, server: ScriptedServer, form: tuple[str, ...]
) -> None:
    failed = deployment(
        Deployment.FAILED,
        error=Error(
            code="FAILED_PRECONDITION",
            reason=ErrorReason.MODEL_LOAD_FAILED,
            message="It is no model.",
        ),
    )
    server.answers["WatchDeployments"] = told(STARTING, failed)

    result = run(funland, server, "deploy", "qwen", *form)

    assert result.returncode == 1
    hint = "To see more: funland logs chat, to try again: funland deployments restart chat"
    if form:
        error = json.loads(result.stderr)["error"]
        assert (error["reason"], error["hint"]) == ("MODEL_LOAD_FAILED", hint)
        assert json.loads(result.stdout.splitlines()[-1])["state"] == "FAILED"
    else:
        assert result.stderr.endswith(f"error: It is no model.\nhint: {hint}\n")


def test_a_port_that_does_not_open_is_told(funland: Command, server: ScriptedServer) -> None:
    waits = deployment(Deployment.RUNNING, port=9001)
    server.answers |= {
        "WatchDeployments": told(waits),
        "GetDeployment": deployment(
            Deployment.RUNNING, port=9001, endpoint_error="Another program listens there."
        ),
    }

    result = run(funland, server, "deploy", "qwen", "--port", "9001")

    assert result.returncode == 0
    assert result.stderr == "Nothing answers at port 9001: Another program listens there.\n"


def test_ctrl_c_leaves_the_deployment_as_it_is(funland: Command, server: ScriptedServer) -> None:
    over = threading.Event()

    def watch(_: WatchDeploymentsRequest) -> Iterator[DeploymentEvent]:
        yield DeploymentEvent(deployment=STARTING)
        over.wait(SECONDS)

    server.answers["WatchDeployments"] = watch
    try:
        code, out, err = interrupted(funland, server, "deploy", "qwen", first="starting")
    finally:
        over.set()

    assert (code, out) == (130, "")
    assert err == (
        "It goes on at the server. To see it: funland deployments show chat, to end it: "
        "funland deployments stop chat\n"
    )


def test_a_server_that_starts_again_is_waited_for(funland: Command, server: ScriptedServer) -> None:
    starts = iter([False, True])

    def watch(_: WatchDeploymentsRequest) -> Iterator[DeploymentEvent]:
        if next(starts):
            yield from told(RUNNING)(None)
            return
        yield DeploymentEvent(deployment=STARTING)
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")

    server.answers["WatchDeployments"] = watch

    result = run(funland, server, "deploy", "qwen")

    assert result.returncode == 0
    assert result.stdout.startswith("chat runs.")


def test_deployments_are_listed_and_shown(funland: Command, server: ScriptedServer) -> None:
    for arguments in (("deployments",), ("deployments", "list", "--state", "running")):
        head, row = run(funland, server, *arguments).stdout.splitlines()
        assert head.split() == [
            *("DEPLOYMENT", "MODEL", "ENGINE", "STATE", "ANSWER", "CALLS", "MEMORY", "UP"),
            "ENDPOINT",
        ]
        assert row.split() == [
            *("chat", "qwen", "llama_cpp", "running", "1/2", "2", "2.0", "MB"),
            "http://127.0.0.1:9001",
        ]
    shown = run(funland, server, "deployments", "show", "chat").stdout
    document = json.loads(run(funland, server, "deployments", "--json", "show", "chat").stdout)

    assert "context length" in shown
    assert "backing_off: It was killed." in shown
    assert document["processes"][0]["pid"] == 71


def test_deployments_are_stopped_restarted_and_deleted(
    funland: Command, server: ScriptedServer
) -> None:
    server.answers |= {
        "StopDeployment": STOPPED,
        "RestartDeployment": STARTING,
        "DeleteDeployment": Empty(),
    }

    stopped = run(funland, server, "deployments", "stop", "chat", "--force")
    started = run(funland, server, "deployments", "restart", "chat")
    detached = run(funland, server, "deployments", "restart", "chat", "--detach")
    deleted = run(funland, server, "deployments", "delete", "chat", "other")

    assert stopped.stdout == "chat: stopped\n"
    assert StopDeploymentRequest(deployment_id="chat", force=True) in server.requests
    assert started.stdout.startswith("chat runs.")
    assert detached.stdout == "chat: starting, 1 of 2 processes answer\n"
    assert deleted.stdout == "Deleted chat.\nDeleted other.\n"


@pytest.mark.parametrize(
    ("state", "code"), [(PartHealth.HEALTHY, 0), (PartHealth.DEGRADED, 0), (PartHealth.FAILED, 1)]
)
def test_health_is_told_by_the_exit_code_too(
    funland: Command, server: ScriptedServer, state: PartHealth.State.ValueType, code: int
) -> None:
    server.answers["GetDeploymentHealth"] = DeploymentHealth(
        deployment_id="deploy_1", state=state, message="Half of it.", answering=1, replicas=2
    )

    people = run(funland, server, "deployments", "health", "chat")
    programs = run(funland, server, "deployments", "health", "chat", "--json")

    assert people.returncode == programs.returncode == code
    assert "1 of 2 processes" in people.stdout
    assert json.loads(programs.stdout)["answering"] == 1


def test_an_unknown_deployment_is_exit_code_4(funland: Command, server: ScriptedServer) -> None:
    def refuse(_: Any) -> Deployment:
        raise Refusal(grpc.StatusCode.NOT_FOUND, "DEPLOYMENT_NOT_FOUND", "No nope.")

    server.answers["GetDeployment"] = refuse

    result = run(funland, server, "deployments", "show", "nope")

    assert result.returncode == 4
    assert result.stderr == "error: No nope.\nhint: To see them: funland deployments\n"


def test_a_log_is_shown_without_what_steers_the_terminal(
    funland: Command, server: ScriptedServer
) -> None:
    server.answers["GetDeploymentLogs"] = GetDeploymentLogsResponse(lines=LINES)

    people = run(funland, server, "logs", "chat", "-n", "7")
    programs = run(funland, server, "logs", "chat", "--json")
    none = run(funland, server, "logs", "chat", "-n", "0")

    assert people.stdout.splitlines() == SHOWN_LINES
    assert [json.loads(line)["number"] for line in programs.stdout.splitlines()] == [1, 2]
    asked = [each for each in server.requests if isinstance(each, GetDeploymentLogsRequest)]
    assert [each.lines for each in asked] == [7, 100, 1]
    assert (none.returncode, none.stdout) == (0, "")


def test_a_log_is_followed_over_a_restart_of_the_server(
    funland: Command, server: ScriptedServer
) -> None:
    def log(request: WatchDeploymentLogsRequest) -> Iterator[LogLine]:
        yield LINES[1 if request.after else 0]
        if not request.after:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")

    server.answers["WatchDeploymentLogs"] = log

    result = run(funland, server, "logs", "chat", "-f", "-n", "3")

    assert result.returncode == 0
    assert result.stdout.splitlines() == SHOWN_LINES
    assert server.requests == [
        WatchDeploymentLogsRequest(deployment_id="chat", lines=3),
        WatchDeploymentLogsRequest(deployment_id="chat", lines=3, after=1),
    ]


def test_nodes_are_listed_and_shown(funland: Command, server: ScriptedServer) -> None:
    here = Node(node_id="local", name="ada", state=Node.ALIVE, local=True, cpus=8, model_ids=["m"])
    there = Node(
        node_id="n2", name="bob", address="10.0.0.2", state=Node.DEAD, memory_total_bytes=8 * 10**9,
        memory_available_bytes=10**9, labels={"rack": "7"},
    )  # fmt: skip
    server.answers |= {"ListNodes": ListNodesResponse(nodes=[here, there]), "GetNode": there}

    listed = run(funland, server, "nodes", "--all").stdout.splitlines()
    document = json.loads(run(funland, server, "nodes", "--json").stdout)
    shown = run(funland, server, "nodes", "n2").stdout

    assert listed[1].split() == ["local", "ada", "(the", "server's)", "alive", "8", "m"]
    assert listed[2].split()[:4] == ["n2", "bob", "10.0.0.2", "dead"]
    assert [each["node_id"] for each in document["nodes"]] == ["local", "n2"]
    assert "1.0 GB of 8.0 GB free" in shown
    assert "label rack" in shown
    assert server.requests[:2] == [ListNodesRequest(all=True), ListNodesRequest()]
