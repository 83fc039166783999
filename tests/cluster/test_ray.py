"""Models on the machines of a Ray cluster: placed, lost with their node, and never left behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import grpc
import psutil
import pytest

from funland.v1.inference_pb2 import GenerationEvent
from funland.v1.models_pb2 import ImportModelRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.nodes_pb2 import Node
from tests.cluster.conftest import SECONDS, Cluster, Service, StartService

REMOTE, BRIDGE = "funland_worker.remote.main", "funland_server.nodes.cluster.bridge"
HOST = "ray::Host"
OWN = Path("/proc/self/ns/net")


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> float:
    """Polls until something is so, and says how long that took."""
    begin = monotonic()
    while not condition():
        assert monotonic() - begin < seconds
        sleep(0.05)
    return monotonic() - begin


def running(*modules: str) -> list[psutil.Process]:
    """The processes of these tests, in whose network they are, that run one of the modules."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            ours = OWN.samefile(f"/proc/{process.pid}/ns/net")
            if ours and any(module in " ".join(command) for module in modules):
                found.append(process)
        except (psutil.Error, OSError):  # it ended while it was looked at
            continue
    return found


@pytest.fixture
def model_path() -> Path:
    return Path("server/funland_server/models/embedded/funland-tiny.gguf").resolve()


def test_a_model_is_placed_on_the_other_node_and_writes(service: Service, tmp_path: Path) -> None:
    own, other = service.nodes()
    assert (own.node_id, own.local, own.state) == ("local", True, Node.ALIVE)
    assert (other.local, other.cpus) == (False, 1)
    assert 0 < other.memory_available_bytes <= other.memory_total_bytes
    written = [event.delta.text for event in service.write(40)]

    loaded = service.load(other.node_id).loaded

    assert loaded.node_id == other.node_id
    assert [*service.other().model_ids] == ["funland-tiny"]
    assert [*service.nodes()[0].model_ids] == []
    assert "".join(event.delta.text for event in service.write(40)) == "".join(written)
    assert [*(tmp_path / "node" / "weights").glob("sha256-*.seal")]


def test_a_node_that_dies_costs_its_calls_and_no_others(
    service: Service, cluster: Cluster, model_path: Path
) -> None:
    request = ImportModelRequest(path=str(model_path), model_id="mine")
    ModelServiceStub(service.channel).ImportModel(request, timeout=SECONDS)
    service.load("local", "mine")
    node = service.other()
    service.load(node.node_id)
    stream = service.write(900)
    next(event for event in stream if event.delta.text)

    begin = monotonic()
    with ThreadPoolExecutor(1) as thread:
        beside = thread.submit(
            lambda: [*service.write(300, "mine")][-1].finish.usage.completion_tokens
        )
        cluster.tell("kill")
        try:
            with pytest.raises(grpc.RpcError) as raised:
                write_until_it_fails(service, stream)
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
            assert monotonic() - begin < 8

            assert beside.result(SECONDS) == 300
            # It comes back elsewhere, before Ray knows that the node is gone.
            assert "".join(event.delta.text for event in service.write(8))
            assert service.model().loaded.node_id == "local"
            states = {each.node_id: each.state for each in service.nodes(gone=True)}
            assert states[node.node_id] in (Node.SUSPECT, Node.DEAD)
            until(lambda: all(each.node_id != node.node_id for each in service.nodes()))
            assert node.node_id in {each.node_id for each in service.nodes(gone=True)}
            with pytest.raises(grpc.RpcError) as refused:
                service.load(node.node_id)
            assert "it is gone" in (refused.value.details() or "")
        finally:
            cluster.tell("add")
    assert service.load(service.other().node_id).loaded.node_id != node.node_id


def write_until_it_fails(service: Service, stream: Iterator[GenerationEvent]) -> None:
    """One text may be written before its node is gone, or its loss told."""
    while True:
        for _ in stream:
            pass
        stream = service.write(900)


def test_a_worker_that_dies_comes_back_on_its_node(service: Service) -> None:
    node = service.other()
    service.load(node.node_id)
    (process,) = running(REMOTE)

    process.kill()

    until(lambda: service.model().loaded.restarts == 1)
    assert service.model().loaded.node_id == node.node_id
    assert "signal SIGKILL" in service.log()


def test_nothing_is_left_when_the_server_stops(service: Service) -> None:
    service.load(service.other().node_id)
    assert running(REMOTE)

    service.process.send_signal(signal.SIGTERM)

    assert service.process.wait(SECONDS) == 0
    until(lambda: not running(REMOTE, BRIDGE, HOST), 5)


def test_nothing_is_left_when_the_server_is_killed(service: Service) -> None:
    service.load(service.other().node_id)
    assert running(REMOTE)

    service.process.kill()

    until(lambda: not running(REMOTE), 3)
    until(lambda: not running(REMOTE, BRIDGE, HOST), 10)


def test_nothing_is_left_when_all_that_could_tidy_up_is_killed(service: Service) -> None:
    service.load(service.other().node_id)

    for process in (*running(BRIDGE), service.process):
        process.kill()

    until(lambda: not running(REMOTE), 3)
    until(lambda: not running(BRIDGE, HOST), 20)


def test_the_next_start_ends_what_it_finds(start_service: StartService) -> None:
    first = start_service()
    first.load(first.other().node_id)
    (left,) = running(REMOTE)
    left.suspend()  # so that it can't end by itself
    for process in (*running(BRIDGE), first.process):
        process.kill()
    first.process.wait(SECONDS)
    assert left in running(REMOTE)

    second = start_service()

    assert len(second.nodes()) == 2
    until(lambda: left not in running(REMOTE))


def test_models_outlive_the_process_that_speaks_to_ray(service: Service) -> None:
    node = service.other()
    before = service.load(node.node_id).loaded
    (bridge,) = running(BRIDGE)

    bridge.kill()

    assert "".join(event.delta.text for event in service.write(8))
    until(lambda: any(each != bridge for each in running(BRIDGE)))
    until(lambda: answers(service))
    assert [*service.other().model_ids] == ["funland-tiny"]
    assert service.model().loaded.load_time == before.load_time


def answers(service: Service) -> bool:
    try:
        return len(service.nodes()) == 2
    except grpc.RpcError:
        return False
