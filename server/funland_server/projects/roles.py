"""What members of a project may do: pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from funland.v1.projects_pb2 import Project, ProjectMember
from funland_server.identity import Identity
from funland_server.projects.errors import (
    LastOwnerError,
    ProjectNotFoundError,
    ProjectRoleMissingError,
)

# From the least to the most.
_ORDER: Final = (ProjectMember.READER, ProjectMember.EDITOR, ProjectMember.OWNER)


def role_of(who: Identity, project: Project) -> ProjectMember.Role.ValueType:
    """What somebody may do: an admin all; ROLE_UNSPECIFIED: they may not even know of it."""
    if who.is_admin:
        return ProjectMember.OWNER
    own = [member.role for member in project.members if member.user_id == who.user_id]
    return own[0] if own and who.user_id else ProjectMember.ROLE_UNSPECIFIED


def check(who: Identity, project: Project, needed: ProjectMember.Role.ValueType) -> None:
    """Raises ProjectNotFoundError for who is no member, ProjectRoleMissingError for one whose role
    is less than is needed."""
    role = role_of(who, project)
    if role not in _ORDER:
        raise ProjectNotFoundError(project.project_id)
    if _ORDER.index(role) < _ORDER.index(needed):
        raise ProjectRoleMissingError(project.project_id, ProjectMember.Role.Name(needed))


def keeps_an_owner(project: Project, members: Iterable[ProjectMember]) -> None:
    """Raises LastOwnerError if a project that has an owner would have none."""
    had = any(member.role == ProjectMember.OWNER for member in project.members)
    if had and not any(member.role == ProjectMember.OWNER for member in members):
        raise LastOwnerError(project.project_id)
