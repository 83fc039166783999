"""What can go wrong with projects.

NotFoundError
└── ProjectNotFoundError     PROJECT_NOT_FOUND
PermissionDeniedError
└── ProjectRoleMissingError  PROJECT_ROLE_MISSING
FailedPreconditionError
└── LastOwnerError           LAST_OWNER
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
)


class ProjectNotFoundError(NotFoundError):
    """The caller has no project of that id."""

    reason = ErrorReason.PROJECT_NOT_FOUND

    def __init__(self, project_id: str) -> None:
        super().__init__(
            f"There is no project {project_id!r}; `funland projects` shows those that are.",
            project_id=project_id,
        )


class ProjectRoleMissingError(PermissionDeniedError):
    """The caller's role in the project does not suffice."""

    reason = ErrorReason.PROJECT_ROLE_MISSING

    def __init__(self, project_id: str, role: str) -> None:
        super().__init__(
            f"This needs the role {role} in project {project_id!r}; its owners give it.",
            project_id=project_id,
            role=role,
        )


class LastOwnerError(FailedPreconditionError):
    """Nobody would own the project."""

    reason = ErrorReason.LAST_OWNER

    def __init__(self, project_id: str) -> None:
        super().__init__(
            f"Nobody would own project {project_id!r}: make somebody else an owner first.",
            project_id=project_id,
        )
