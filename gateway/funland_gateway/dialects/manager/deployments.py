"""Deployments: start, stop, restart, one, delete, all, logs, health and the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import deployments_pb2
from funland.v1.models_pb2 import LoadSettings, Origin
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.manager.answers import done
from funland_gateway.dialects.manager.deployed import (
    MODEL_ID,
    MODEL_SOURCE,
    STATES,
    deployed,
    health,
    line,
    model_info,
)
from funland_gateway.dialects.query import one_of, whole_number
from funland_gateway.dialects.reading import JsonObject, chosen, invalid
from funland_gateway.dialects.rpcs import (
    DELETE_DEPLOYMENT,
    GET_DEPLOYMENT,
    GET_DEPLOYMENT_HEALTH,
    GET_DEPLOYMENT_LOGS,
    GET_DEPLOYMENT_MODEL,
    LIST_DEPLOYMENTS,
    RESTART_DEPLOYMENT,
    START_DEPLOYMENT,
    STOP_DEPLOYMENT,
)
from funland_gateway.dialects.sources import HUBS, NAME_IS_TAKEN

STATUS: Final = one_of("status", "Only deployments of this status.", STATES, ())

LINES: Final = whole_number("lines", "How many of the last lines.", 1, 10_000, 100)

_PORT: Final = "port"
_GPU_MEMORY: Final = "gpu_memory_utilization"
_CONTEXT: Final = "max_model_len"

LEAST_CONTEXT: Final = 16
MOST_CONTEXT: Final = 16_777_216

_MOST: Final = 1000
"""As many as the contract gives at once."""


def start(incoming: Incoming) -> Unary:
    """Asks for a deployment."""
    body = incoming.body
    model, source = body.string(MODEL_ID), body.optional_string(MODEL_SOURCE)
    request = deployments_pb2.StartDeploymentRequest(
        model=model,
        hub=chosen(MODEL_SOURCE, source, HUBS, Origin.HUB_UNSPECIFIED),
        port=body.integer(_PORT) or 0,
        metadata={MODEL_ID: model, **({MODEL_SOURCE: source} if source else {})},
    )
    gpu_memory, context = _share(body), _context(body)
    # Which engine runs it is not known here: its own settings count.
    if gpu_memory is not None or context is not None:
        request.settings.CopyFrom(
            LoadSettings(gpu_memory_fraction=gpu_memory, context_length=context)
        )
        request.vllm.CopyFrom(
            deployments_pb2.VllmSettings(gpu_memory_utilization=gpu_memory, max_model_len=context)
        )

    def answer(deployment: deployments_pb2.Deployment) -> Reply:
        return done(incoming, deployed(deployment), "Deployment starting")

    return Unary(START_DEPLOYMENT, request, answer, _start_names, words=NAME_IS_TAKEN)


def stop(incoming: Incoming) -> Unary:
    """Takes a deployment out of memory."""
    return _of_deployment(incoming, STOP_DEPLOYMENT, deployed, "Deployment stopping")


def restart(incoming: Incoming) -> Unary:
    """Starts a deployment anew."""
    return _of_deployment(incoming, RESTART_DEPLOYMENT, deployed, "Deployment restarting")


def get(incoming: Incoming) -> Unary:
    """Asks for a deployment."""
    return _of_deployment(incoming, GET_DEPLOYMENT, deployed)


def delete(incoming: Incoming) -> Unary:
    """Stops a deployment and forgets it."""
    gone = {"deployment_id": incoming.path["deployment_id"]}
    return _of_deployment(incoming, DELETE_DEPLOYMENT, lambda _: gone, "Deployment deleted")


def list_all(incoming: Incoming) -> Unary:
    """Asks for all deployments."""
    request = deployments_pb2.ListDeploymentsRequest(
        states=STATUS.of(incoming.query), page_size=_MOST
    )

    def answer(found: deployments_pb2.ListDeploymentsResponse) -> Reply:
        items = [deployed(deployment) for deployment in found.deployments]
        return done(incoming, {"items": items, "total": found.total_size})

    return Unary(LIST_DEPLOYMENTS, request, answer)


def get_logs(incoming: Incoming) -> Unary:
    """Asks for the last lines of a deployment's log."""
    name = incoming.path["deployment_id"]
    request = deployments_pb2.GetDeploymentLogsRequest(
        deployment_id=name, lines=LINES.of(incoming.query)
    )

    def answer(found: deployments_pb2.GetDeploymentLogsResponse) -> Reply:
        return done(incoming, {"deployment_id": name, "logs": [line(each) for each in found.lines]})

    return Unary(GET_DEPLOYMENT_LOGS, request, answer)


def get_health(incoming: Incoming) -> Unary:
    """Asks whether a deployment's processes answer."""
    return _of_deployment(incoming, GET_DEPLOYMENT_HEALTH, health)


def get_model(incoming: Incoming) -> Unary:
    """Asks what is deployed."""
    return _of_deployment(incoming, GET_DEPLOYMENT_MODEL, model_info)


def _of_deployment(
    incoming: Incoming,
    rpc: MethodDescriptor,
    data: Callable[[Any], Mapping[str, Any]],
    message: str = "Success",
) -> Unary:
    """A call of an RPC that wants the deployment's id alone."""
    request: Message = GetMessageClass(rpc.input_type)(deployment_id=incoming.path["deployment_id"])

    def answer(response: Any) -> Reply:
        return done(incoming, data(response), message)

    return Unary(rpc, request, answer)


def _share(body: JsonObject) -> float | None:
    share = body.number(_GPU_MEMORY)
    if share is not None and not 0 < share <= 1:
        raise invalid(_GPU_MEMORY, "must be greater than 0 and at most 1")
    return share


def _context(body: JsonObject) -> int | None:
    context = body.integer(_CONTEXT)
    if context is not None and not LEAST_CONTEXT <= context <= MOST_CONTEXT:
        raise invalid(_CONTEXT, f"must be from {LEAST_CONTEXT} to {MOST_CONTEXT}")
    return context


def _start_names(path: str) -> str:
    return {
        "model": MODEL_ID,
        "hub": MODEL_SOURCE,
        "settings.context_length": _CONTEXT,
        "settings.gpu_memory_fraction": _GPU_MEMORY,
        "vllm.max_model_len": _CONTEXT,
        "vllm.gpu_memory_utilization": _GPU_MEMORY,
    }.get(path, path)
