"""Tells people how deployments are: where they stand, what answers, what they can do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from google.protobuf.json_format import MessageToDict

from funland.v1.deployments_pb2 import Deployment, DeploymentHealth, LogLine, Replica
from funland.v1.models_pb2 import LoadSettings
from funland.v1.system_pb2 import PartHealth
from funland_cli.output import size, span
from funland_cli.views import word

COLUMNS: Final = (
    *("DEPLOYMENT", "MODEL", "ENGINE", "STATE", ">ANSWER", ">CALLS", ">MEMORY", "UP", "ENDPOINT"),
)
PROCESSES: Final = (">PROCESS", "STATE", "PID", "NODE", "DEVICE", ">CALLS", ">MEMORY", ">RESTARTS")

_ON_ITS_WAY: Final = (Deployment.PENDING, Deployment.DOWNLOADING, Deployment.STARTING)


def called(deployment: Deployment) -> str:
    """What to call it by: its name, or its id."""
    return deployment.name or deployment.deployment_id


def row(deployment: Deployment, now: datetime) -> tuple[str, ...]:
    """A deployment in a list of them."""
    processes = deployment.processes
    return (
        called(deployment),
        deployment.model,
        _engine(deployment),
        word(Deployment.State, deployment.state),
        _answering(deployment),
        str(sum(process.active_calls for process in processes)),
        size(sum(process.memory_bytes for process in processes)),
        _up(deployment, now),
        deployment.endpoint_url or (f"port {deployment.port}" if deployment.port else ""),
    )


def standing(deployment: Deployment) -> str:
    """Where it stands, and why it does not run if it can't: `starting, 1 of 2 processes answer`."""
    told = word(Deployment.State, deployment.state)
    if deployment.state == Deployment.STARTING and deployment.processes:
        told += f", {_answering(deployment).replace('/', ' of ')} processes answer"
    return f"{told}: {deployment.error.message}" if deployment.HasField("error") else told


def all_of(deployment: Deployment, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a deployment but its processes, by name; the unknown is empty."""
    yield "deployment", deployment.deployment_id
    yield "name", deployment.name
    yield "model", deployment.model
    yield "source", deployment.source
    yield "download", deployment.download_id
    yield "engine", _engine(deployment)
    yield "state", standing(deployment)
    yield "answer", f"{_answering(deployment)} processes"
    yield "endpoint", deployment.endpoint_url
    yield "no endpoint", deployment.endpoint_error
    yield "up", _up(deployment, now)
    settings = deployment.vllm if deployment.engine == Deployment.VLLM else deployment.settings
    for name, value in MessageToDict(settings, preserving_proto_field_name=True).items():
        if name != "engine":
            yield name.replace("_", " "), _value(value)
    for key, value in deployment.metadata.items():
        yield f"metadata {key}", value


def process_row(process: Replica) -> tuple[str, ...]:
    """A process in a list of a deployment's."""
    return (
        str(process.index),
        word(Replica.State, process.state)
        + (f": {process.last_error}" if process.last_error else ""),
        str(process.pid) if process.HasField("pid") else "",
        process.node_id,
        ", ".join(process.device_ids),
        str(process.active_calls),
        size(process.memory_bytes),
        str(process.restarts),
    )


def health_pairs(health: DeploymentHealth) -> Iterator[tuple[str, str]]:
    """How a deployment is, by name."""
    yield "deployment", health.deployment_id
    yield "health", word(PartHealth.State, health.state)
    yield "wrong", health.message
    yield "answer", f"{health.answering} of {health.replicas} processes"
    if health.HasField("latency_ms"):
        yield "slowest", f"{health.latency_ms:.0f} ms"


def log_line(line: LogLine) -> str:
    """A line of a log: when, how bad, who, what."""
    time = line.time.ToDatetime(tzinfo=UTC).isoformat(timespec="milliseconds")
    who = f"[{line.replica}]" if line.HasField("replica") else "[server]"
    return f"{time.removesuffix('+00:00')}Z {line.level:<7} {who} {line.text}"


def running(deployment: Deployment, server: Sequence[str]) -> Iterator[str]:
    """What a deployment that runs can be used by."""
    use = shlex.join(["funland", "chat", "-m", called(deployment), *server])
    yield f"{called(deployment)} runs. Try it: {use}"
    if deployment.endpoint_url:
        yield f"OpenAI's API for it: {deployment.endpoint_url}/v1"


def next_step(deployment: Deployment, server: Sequence[str]) -> str:
    """What can be done with a deployment that does not run; `server` are the flags that name it."""

    def command(*words: str) -> str:
        return shlex.join(["funland", *words, called(deployment), *server])

    if deployment.state in _ON_ITS_WAY:
        return (
            f"It goes on at the server. To see it: {command('deployments', 'show')}, to end it:"
            f" {command('deployments', 'stop')}"
        )
    if deployment.state == Deployment.STOPPED:
        return f"To start it again: {command('deployments', 'restart')}"
    return f"To see more: {command('logs')}, to try again: {command('deployments', 'restart')}"


def _engine(deployment: Deployment) -> str:
    if deployment.engine == Deployment.VLLM:
        return "vllm"
    engine = deployment.settings.engine
    return word(LoadSettings.Engine, engine) if engine else "built_in"


def _answering(deployment: Deployment) -> str:
    answering = sum(process.state == Replica.RUNNING for process in deployment.processes)
    return f"{answering}/{deployment.replicas}"


def _up(deployment: Deployment, now: datetime) -> str:
    if deployment.state != Deployment.RUNNING or not deployment.HasField("start_time"):
        return ""
    since = deployment.start_time.ToDatetime(tzinfo=UTC)
    return span(max((now - since).total_seconds(), 0))


def _value(value: Any) -> str:
    return ", ".join(map(str, cast("list[Any]", value))) if isinstance(value, list) else str(value)
