"""What the events of a deployment that is followed mean."""

from __future__ import annotations

from typing import Final

import grpc

from funland.v1.deployments_pb2 import Deployment, DeploymentEvent
from funland_client.errors import (
    DeploymentNotFoundError,
    DeploymentNotRunningError,
    FunlandError,
    StreamBrokenError,
)
from funland_client.status import error_from_wire

_SETTLED: Final = frozenset({Deployment.RUNNING, Deployment.STOPPED, Deployment.FAILED})


def seen(event: DeploymentEvent, deployment_id: str) -> Deployment | None:
    """The deployment that an event tells of, if it does.

    Raises DeploymentNotFoundError if it is deleted.
    """
    match event.WhichOneof("event"):
        case "deployment":
            return event.deployment
        case "deleted_deployment_id":
            raise DeploymentNotFoundError(
                "The deployment was deleted.",
                reason="DEPLOYMENT_NOT_FOUND",
                code=grpc.StatusCode.NOT_FOUND,
                metadata={"deployment_id": deployment_id},
            )
        case _:  # Kinds may be added.
            return None


def is_settled(deployment: Deployment | None) -> bool:
    """Whether a deployment runs, or does not come to that by itself."""
    return deployment is not None and deployment.state in _SETTLED


def check_end(deployment: Deployment | None) -> None:
    """Raises StreamBrokenError if a stream has ended whose deployment goes on."""
    if not is_settled(deployment):
        raise StreamBrokenError(
            "The connection to the server was lost; the deployment goes on.",
            code=grpc.StatusCode.UNAVAILABLE,
        )


def failure(deployment: Deployment) -> FunlandError | None:
    """What to raise for a deployment that is settled; None if it runs."""
    if deployment.state == Deployment.RUNNING:
        return None
    if deployment.HasField("error"):
        return error_from_wire(deployment.error)
    state = Deployment.State.Name(deployment.state)
    return DeploymentNotRunningError(
        "The deployment was stopped.",
        reason="DEPLOYMENT_NOT_RUNNING",
        code=grpc.StatusCode.FAILED_PRECONDITION,
        metadata={"deployment_id": deployment.deployment_id, "state": state},
    )
