"""Projects: what several users work on together."""

from __future__ import annotations

from typing import Literal

from funland.v1.projects_pb2 import (
    CreateProjectRequest,
    DeleteProjectRequest,
    GetProjectRequest,
    ListProjectsRequest,
    Project,
    RemoveProjectMemberRequest,
    SetProjectMemberRequest,
    UpdateProjectRequest,
)
from funland.v1.projects_pb2_grpc import ProjectServiceStub
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.fields import filled

ProjectStatus = Literal["active", "archived"]
MemberRole = Literal["owner", "editor", "reader"]


class AsyncProjects:
    """Projects, as `client.projects`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = ProjectServiceStub(connection.channel)

    async def create(self, name: str, *, description: str = "") -> Project:
        """Makes a project, whose owner the caller is."""
        request = filled(CreateProjectRequest, "", {"name": name, "description": description})
        return await self._connection.call(self._stub.CreateProject, request, once=True)

    async def get(self, project_id: str) -> Project:
        """Gets a project by its id, or by its number."""
        request = filled(GetProjectRequest, "", {"project_id": project_id})
        return await self._connection.call(self._stub.GetProject, request)

    async def list(self, *, status: ProjectStatus | None = None) -> list[Project]:
        """Gets the caller's projects, in the order in which they were made; for an admin, all."""
        projects: list[Project] = []
        request = filled(ListProjectsRequest, "", {"status": status} if status else {})
        while True:
            page = await self._connection.call(self._stub.ListProjects, request)
            projects.extend(page.projects)
            if not page.next_page_token:
                return projects
            request.page_token = page.next_page_token

    async def update(
        self,
        project_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        status: ProjectStatus | None = None,
    ) -> Project:
        """Changes a project; what is None stays."""
        given = {"name": name, "description": description, "status": status}
        values = {field: value for field, value in given.items() if value is not None}
        request = filled(UpdateProjectRequest, "", {"project_id": project_id, **values})
        return await self._connection.call(self._stub.UpdateProject, request)

    async def delete(self, project_id: str) -> None:
        """Removes a project. Its datasets and training runs stay, and belong to none."""
        request = filled(DeleteProjectRequest, "", {"project_id": project_id})
        await self._connection.call(self._stub.DeleteProject, request, once=True)

    async def set_member(self, project_id: str, username: str, role: MemberRole) -> Project:
        """Makes a user a member, or gives a member another role; only an owner may."""
        values = {"project_id": project_id, "username": username, "role": role}
        request = filled(SetProjectMemberRequest, "", values)
        return await self._connection.call(self._stub.SetProjectMember, request)

    async def remove_member(self, project_id: str, username: str) -> Project:
        """Ends a membership: an owner anybody's, a member their own."""
        values = {"project_id": project_id, "username": username}
        request = filled(RemoveProjectMemberRequest, "", values)
        return await self._connection.call(self._stub.RemoveProjectMember, request, once=True)
