"""`funland.v1.ProjectService`: the wire on one side, projects on the other."""

from __future__ import annotations

from google.protobuf import empty_pb2

from funland.v1 import projects_pb2
from funland_server.identity import caller
from funland_server.projects.managing import Managing


class ProjectService:
    """Answers the RPCs of `ProjectService`; see `projects.proto`."""

    def __init__(self, managing: Managing) -> None:
        self._managing = managing

    async def CreateProject(
        self, request: projects_pb2.CreateProjectRequest
    ) -> projects_pb2.Project:
        """See `projects.proto`."""
        return await self._managing.make(request, caller())

    async def GetProject(self, request: projects_pb2.GetProjectRequest) -> projects_pb2.Project:
        """See `projects.proto`."""
        return await self._managing.named(request.project_id, caller())

    async def ListProjects(
        self, request: projects_pb2.ListProjectsRequest
    ) -> projects_pb2.ListProjectsResponse:
        """See `projects.proto`."""
        return await self._managing.page(request, caller())

    async def UpdateProject(
        self, request: projects_pb2.UpdateProjectRequest
    ) -> projects_pb2.Project:
        """See `projects.proto`."""
        return await self._managing.change(request, caller())

    async def DeleteProject(self, request: projects_pb2.DeleteProjectRequest) -> empty_pb2.Empty:
        """See `projects.proto`."""
        await self._managing.remove(request.project_id, caller())
        return empty_pb2.Empty()

    async def SetProjectMember(
        self, request: projects_pb2.SetProjectMemberRequest
    ) -> projects_pb2.Project:
        """See `projects.proto`."""
        return await self._managing.set_member(request, caller())

    async def RemoveProjectMember(
        self, request: projects_pb2.RemoveProjectMemberRequest
    ) -> projects_pb2.Project:
        """See `projects.proto`."""
        return await self._managing.remove_member(request, caller())
