"""What can go wrong with deployments.

NotFoundError
└── DeploymentNotFoundError    DEPLOYMENT_NOT_FOUND
AlreadyExistsError
└── DeploymentExistsError      DEPLOYMENT_EXISTS
FailedPreconditionError
├── DeploymentNotRunningError  DEPLOYMENT_NOT_RUNNING
└── PortTakenError             PORT_TAKEN
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError


class DeploymentNotFoundError(NotFoundError):
    """No deployment has that id or name."""

    reason = ErrorReason.DEPLOYMENT_NOT_FOUND

    def __init__(self, deployment_id: str) -> None:
        super().__init__(
            f"There is no deployment {deployment_id!r}; `funland deployments list` shows those"
            " that are.",
            deployment_id=deployment_id,
        )


class DeploymentExistsError(AlreadyExistsError):
    """The name belongs to a deployment or a model."""

    reason = ErrorReason.DEPLOYMENT_EXISTS

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The name {name!r} belongs to another deployment or a model; give another.", name=name
        )


class DeploymentNotRunningError(FailedPreconditionError):
    """No process of the deployment answers."""

    reason = ErrorReason.DEPLOYMENT_NOT_RUNNING

    def __init__(self, deployment_id: str, state: str) -> None:
        super().__init__(
            f"Deployment {deployment_id!r} does not run: it is {state}. Restart it, or wait until"
            " it is RUNNING.",
            deployment_id=deployment_id,
            state=state,
        )


class PortTakenError(FailedPreconditionError):
    """Another program, or another deployment, listens at the port."""

    reason = ErrorReason.PORT_TAKEN

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} is taken; free it, or deploy at another, or at 0 for none.",
            port=str(port),
        )
