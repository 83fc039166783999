"""A real Ray cluster, and services that place models on it: only under `make test-cluster`."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc
import orjson
import pytest

from funland.v1.inference_pb2 import ChatRequest, GenerationEvent, Message, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.models_pb2 import GetModelRequest, LoadModelRequest, LoadSettings, Model
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.nodes_pb2 import ListNodesRequest, Node
from funland.v1.nodes_pb2_grpc import NodeServiceStub

if "TEST_CLUSTER" not in os.environ:
    collect_ignore_glob = ["test_*.py"]

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Two nodes or more on this machine; the first is the one that services run on."""

    address: str
    folder: Path
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        """What Ray is told on its nodes: a home of its own, and a token."""
        return ray_environment(self.folder)

    def tell(self, what: str) -> None:
        """See `two_nodes`."""
        stdin, stdout = streams(self.process)
        stdin.write(f"{what}\n")
        stdin.flush()
        assert stdout.readline() == "done\n"


@dataclass(frozen=True, slots=True)
class Service:
    """A `funland serve` that is in the cluster."""

    channel: grpc.Channel
    home: Path
    process: subprocess.Popen[str]

    def nodes(self, *, gone: bool = False) -> list[Node]:
        """All nodes, the service's own first."""
        request = ListNodesRequest(all=gone)
        return [*NodeServiceStub(self.channel).ListNodes(request, timeout=SECONDS).nodes]

    def other(self) -> Node:
        """The one that is not the service's own."""
        (node,) = [node for node in self.nodes() if not node.local and node.state == Node.ALIVE]
        return node

    def load(self, node_id: str, model_id: str = "funland-tiny") -> Model:
        """Loads a model on a node."""
        request = LoadModelRequest(model_id=model_id, settings=LoadSettings(node_id=node_id))
        return ModelServiceStub(self.channel).LoadModel(request, timeout=SECONDS)

    def model(self, model_id: str = "funland-tiny") -> Model:
        """How a model stands."""
        request = GetModelRequest(model_id=model_id)
        return ModelServiceStub(self.channel).GetModel(request, timeout=SECONDS)

    def write(self, tokens: int = 8, model: str = "") -> Iterator[GenerationEvent]:
        """Writes so many tokens."""
        request = ChatRequest(
            model=model,
            messages=[Message(role=Message.USER, content="Tell me a story.")],
            sampling=SamplingParameters(max_tokens=tokens, temperature=0, ignore_end=True),
        )
        return InferenceServiceStub(self.channel).StreamChat(request, timeout=SECONDS)

    def log(self) -> str:
        """What it has written to its log."""
        return (self.home / "server.log").read_text(encoding="utf-8")


StartService = Callable[[], Service]


def streams(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def ray_environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(folder),
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="fl-") as name:  # sockets have short paths
        folder = Path(name)
        (folder / "token").write_text(secrets.token_hex(32))
        with (folder / "ray.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.cluster.two_nodes"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=ray_environment(folder),
            )
        with process:
            stdin, stdout = streams(process)
            address = stdout.readline().strip()
            assert address, (folder / "ray.log").read_text()
            yield Cluster(address, folder, process)
            stdin.close()
            process.wait(SECONDS)


@pytest.fixture
def start_service(cluster: Cluster, tmp_path: Path) -> Iterator[StartService]:
    """Starts a service; each of a test has the same home."""
    with ExitStack() as started:
        yield lambda: started.enter_context(_service(cluster, tmp_path))


@pytest.fixture
def service(start_service: StartService) -> Service:
    return start_service()


@contextmanager
def _service(cluster: Cluster, folder: Path) -> Generator[Service]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    settings = {
        "PLACEMENT": "ray",
        "RAY_ADDRESS": cluster.address,
        "RAY_TOKEN_PATH": str(cluster.folder / "token"),
        "NODE_WEIGHTS_PATH": str(folder / "node"),
    }
    # What the service needs to know of Ray it has from its settings.
    environment = {name: value for name, value in os.environ.items() if "RAY" not in name}
    environment |= {f"FUNLAND_SERVER__{name}": value for name, value in settings.items()}
    command = [
        *(str(Path(sys.executable).with_name("funland")), "serve"),
        *("--json", "--grpc-port", "0", "--http-port", "0", "--home", str(home)),
    ]
    with (home / "server.log").open("a") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
    assert process.stdout is not None
    with process:
        ready = orjson.loads(process.stdout.readline())
        with grpc.insecure_channel(ready["grpc"]) as channel:
            yield Service(channel, home, process)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS)
