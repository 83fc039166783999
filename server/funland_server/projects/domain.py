"""What several users work on together."""

from __future__ import annotations

from funland.v1 import projects_pb2
from funland.v1.projects_pb2 import ProjectMember
from funland_server.auth.people import People
from funland_server.domain import Domain, Service
from funland_server.identity import Identity
from funland_server.projects.managing import Managing
from funland_server.projects.service import ProjectService
from funland_server.projects.store import ProjectStore
from funland_server.storage.database import Database


class Projects(Domain):
    """Those of one database."""

    def __init__(self, database: Database, people: People) -> None:
        self._store = ProjectStore(database)
        self._managing = Managing(self._store, people)

    def services(self) -> list[Service]:
        """Answers `ProjectService`."""
        service = ProjectService(self._managing)
        return [(projects_pb2.DESCRIPTOR.services_by_name["ProjectService"], service)]

    async def check(
        self, project_id: str, who: Identity, needed: ProjectMember.Role.ValueType
    ) -> None:
        """Raises ProjectNotFoundError, ProjectRoleMissingError if somebody may not do what needs a
        role in a project."""
        await self._managing.get(project_id, who, needed)

    async def ids_of(self, who: Identity) -> list[str] | None:
        """The projects that are there for somebody; None: all are."""
        return None if who.is_admin else await self._store.ids_of(who.user_id)
