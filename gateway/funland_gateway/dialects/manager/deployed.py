"""Deployments as the `manager` document has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from funland.v1.deployments_pb2 import (
    Deployment,
    DeploymentHealth,
    DeploymentModel,
    LogLine,
)
from funland_gateway.dialects.health import health_word
from funland_gateway.dialects.manager.errors import error_code
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.sizes import gigabytes, weights
from funland_gateway.dialects.sources import format_name, hub_name
from funland_gateway.dialects.times import moment

STATES: Final[Mapping[str, tuple[Deployment.State.ValueType, ...]]] = {
    "pending": (Deployment.PENDING,),
    "downloading": (Deployment.DOWNLOADING,),
    "starting": (Deployment.STARTING,),
    "running": (Deployment.RUNNING,),
    "stopping": (Deployment.STOPPING,),
    "stopped": (Deployment.STOPPED,),
    "error": (Deployment.FAILED,),
}
"""The contract's states by the document's words for them."""

MODEL_ID: Final = "model_id"
MODEL_SOURCE: Final = "model_source"
"""Under which keys a deployment keeps how its caller named the model and the hub."""

_WORDS = {state: word for word, states in STATES.items() for state in states}

_FLOAT32_DIGITS: Final = 7


def status_word(state: Deployment.State.ValueType) -> str:
    """The word for a state; one that is newer than this gateway is `pending`."""
    return _WORDS.get(state, "pending")


def model_id(deployment: Deployment) -> str:
    """The model as whoever deployed it named it."""
    return deployment.metadata.get(MODEL_ID) or deployment.source or deployment.model


def deployed(deployment: Deployment) -> dict[str, Any]:
    """All of a deployment. What is not known yet is None."""
    failed = deployment.HasField("error")
    return {
        "deployment_id": deployment.deployment_id,
        "model_id": model_id(deployment),
        "model_source": deployment.metadata.get(MODEL_SOURCE) or None,
        "status": status_word(deployment.state),
        "host": urlsplit(deployment.endpoint_url).hostname,
        "port": deployment.port or None,
        "gpu_memory_utilization": _gpu_memory(deployment),
        "max_model_len": _context(deployment),
        "name": deployment.name or None,
        "replicas": deployment.replicas,
        "endpoint": deployment.endpoint_url or None,
        "endpoint_error": deployment.endpoint_error or None,
        "download_task_id": deployment.download_id or None,
        "error": error_code(deployment.error) if failed else None,
        "error_message": deployment.error.message if failed else None,
        "created_at": moment(deployment, "create_time"),
        "started_at": moment(deployment, "start_time"),
        "updated_at": moment(deployment, "update_time", "create_time"),
    }


def line(logged: LogLine) -> dict[str, Any]:
    """A line of a log."""
    return {
        "number": logged.number,
        "timestamp": moment(logged, "time"),
        "level": logged.level,
        "replica": optional(logged, "replica"),
        "message": logged.text,
    }


def health(found: DeploymentHealth) -> dict[str, Any]:
    """How a deployment is."""
    latency = optional(found, "latency_ms")
    return {
        "deployment_id": found.deployment_id,
        "status": health_word(found.state),
        "message": found.message or None,
        "answering": found.answering,
        "replicas": found.replicas,
        "latency_ms": None if latency is None else round(latency, 1),
    }


def model_info(found: DeploymentModel) -> dict[str, Any]:
    """What is deployed."""
    model = found.model
    return {
        "deployment_id": found.deployment_id,
        "id": model.origin.model_id or model.model_id,
        "model_id": model.model_id,
        "name": model.display_name or model.model_id,
        "description": model.description or None,
        "source": hub_name(model.origin.hub),
        "parameters": weights(model.parameter_count) if model.parameter_count else None,
        "size_gb": gigabytes(model.size_bytes),
        "format": format_name(model.format),
        "quantization": model.quantization or None,
        "architecture": model.architecture or None,
        "max_model_len": optional(found, "context_length"),
        "engine": found.engine or None,
        "served_model_names": list(found.names),
        "supports_chat": model.can_chat,
    }


def _gpu_memory(deployment: Deployment) -> float | None:
    if deployment.engine == Deployment.VLLM:
        share = optional(deployment.vllm, "gpu_memory_utilization")
        return None if share is None else float(f"{share:.{_FLOAT32_DIGITS}g}")
    return optional(deployment.settings, "gpu_memory_fraction")


def _context(deployment: Deployment) -> int | None:
    if deployment.engine == Deployment.VLLM:
        return optional(deployment.vllm, "max_model_len")
    return optional(deployment.settings, "context_length")
