"""Makes, changes and removes projects, for those who may."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from funland.v1 import projects_pb2
from funland.v1.projects_pb2 import Project, ProjectMember
from funland_server.auth.errors import UserNotFoundError
from funland_server.auth.people import People, folded
from funland_server.errors import FieldInvalidError, Violation
from funland_server.identity import Identity
from funland_server.projects.errors import ProjectNotFoundError
from funland_server.projects.roles import check, keeps_an_owner
from funland_server.projects.store import ProjectStore

_PAGE: Final = 100
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Managing:
    """What members do with projects."""

    store: ProjectStore
    people: People

    async def make(self, request: projects_pb2.CreateProjectRequest, by: Identity) -> Project:
        """A new project of the caller's."""
        project = Project(
            project_id="prj_" + secrets.token_hex(8),
            name=request.name,
            description=request.description,
            owner_id=by.user_id,
            status=Project.ACTIVE,
        )
        if by.user_id:
            project.members.add(user_id=by.user_id, username=by.username, role=ProjectMember.OWNER)
        project.create_time.FromMicroseconds(_now())
        project.update_time.CopyFrom(project.create_time)
        return await self.store.add(project)

    async def get(
        self,
        project_id: str,
        by: Identity,
        needed: ProjectMember.Role.ValueType = ProjectMember.READER,
    ) -> Project:
        """A project; raises ProjectNotFoundError, ProjectRoleMissingError."""
        project = await self.store.get(project_id)
        check(by, project, needed)
        return project

    async def named(self, name: str, by: Identity) -> Project:
        """A project by its id or its number; raises as `get`."""
        is_number = name.isascii() and name.isdecimal() and len(name) <= _DIGITS
        found = await self.store.id_of(int(name)) if is_number else None
        try:
            return await self.get(found or name, by)
        except ProjectNotFoundError:
            # Its id would tell that it is there.
            raise ProjectNotFoundError(name) from None

    async def page(
        self, request: projects_pb2.ListProjectsRequest, by: Identity
    ) -> projects_pb2.ListProjectsResponse:
        """A page of the caller's projects; for an admin of all."""
        size = request.page_size or _PAGE
        member_id = None if by.is_admin else by.user_id
        found, total = await self.store.page(
            member_id, request.status, _number(request.page_token), size
        )
        more = len(found) > size
        return projects_pb2.ListProjectsResponse(
            projects=found[:size],
            next_page_token=str(found[size - 1].number) if more else "",
            total_size=total,
        )

    async def change(self, request: projects_pb2.UpdateProjectRequest, by: Identity) -> Project:
        """Changes what is set; raises as `get`."""

        def apply(project: Project) -> None:
            for name in ("name", "description", "status"):
                if request.HasField(name):
                    setattr(project, name, getattr(request, name))

        return await self._change(request.project_id, by, ProjectMember.EDITOR, apply)

    async def remove(self, project_id: str, by: Identity) -> None:
        """Raises as `get`."""
        await self.get(project_id, by, ProjectMember.OWNER)
        await self.store.remove(project_id)

    async def set_member(
        self, request: projects_pb2.SetProjectMemberRequest, by: Identity
    ) -> Project:
        """Gives somebody a role; raises as `get`, UserNotFoundError, LastOwnerError."""
        await self.get(request.project_id, by, ProjectMember.OWNER)
        user = (await self.people.named(request.username)).user

        def apply(project: Project) -> None:
            member = ProjectMember(user_id=user.user_id, username=user.username, role=request.role)
            kept = [each for each in project.members if each.user_id != user.user_id]
            _set_members(project, [*kept, member])

        return await self._change(request.project_id, by, ProjectMember.OWNER, apply)

    async def remove_member(
        self, request: projects_pb2.RemoveProjectMemberRequest, by: Identity
    ) -> Project:
        """Ends a membership: one's own, or as an owner anybody's; raises as `set_member`."""
        name = folded(request.username)
        own = bool(by.user_id) and name == folded(by.username)
        needed = ProjectMember.READER if own else ProjectMember.OWNER

        def apply(project: Project) -> None:
            kept = [each for each in project.members if folded(each.username) != name]
            if len(kept) == len(project.members):
                raise UserNotFoundError(request.username)
            _set_members(project, kept)

        return await self._change(request.project_id, by, needed, apply)

    async def _change(
        self,
        project_id: str,
        by: Identity,
        needed: ProjectMember.Role.ValueType,
        apply: Callable[[Project], None],
    ) -> Project:
        def change(project: Project) -> None:
            check(by, project, needed)
            apply(project)
            project.update_time.FromMicroseconds(_now())

        return await self.store.change(project_id, change)


def _set_members(project: Project, members: list[ProjectMember]) -> None:
    keeps_an_owner(project, members)
    copies = [ProjectMember.FromString(each.SerializeToString()) for each in members]
    del project.members[:]
    project.members.extend(copies)


def _number(token: str) -> int:
    if not token:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= _DIGITS):
        raise FieldInvalidError([Violation("page_token", "was never given out")])
    return int(token)


def _now() -> int:
    return time.time_ns() // 1000
