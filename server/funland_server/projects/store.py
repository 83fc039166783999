"""Projects in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from funland.v1.projects_pb2 import Project, ProjectMember
from funland_server.auth.tables import users
from funland_server.projects.errors import ProjectNotFoundError
from funland_server.projects.tables import project_members, projects
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

AnyRow = Row[*tuple[Any, ...]]

_id = projects.c.project_id


@dataclass(frozen=True, slots=True)
class ProjectStore:
    """All projects of a database."""

    database: Database

    async def add(self, project: Project) -> Project:
        """Keeps a project and its members, and gives it the next number."""

        async def write(connection: AsyncConnection) -> Project:
            highest = await connection.execute(select(func.max(projects.c.number)))
            project.number = (highest.scalar_one() or 0) + 1
            values = _values(project) | {"project_id": project.project_id}
            await connection.execute(insert(projects).values(values))
            await _keep_members(connection, project)
            return project

        return await self.database.write(write)

    async def get(self, project_id: str) -> Project:
        """A project; raises ProjectNotFoundError."""

        async def find(connection: AsyncConnection) -> Project:
            return await _whole(connection, project_id)

        return await self.database.read(find)

    async def id_of(self, number: int) -> str | None:
        """The id of the project of a number; None: there is none."""

        async def find(connection: AsyncConnection) -> str | None:
            query = select(_id).where(projects.c.number == number)
            return (await connection.execute(query)).scalar_one_or_none()

        return await self.database.read(find)

    async def change(self, project_id: str, change: Callable[[Project], None]) -> Project:
        """Has `change` change a project, while nobody else does, and keeps what came of it.

        Raises:
            ProjectNotFoundError, and what `change` raises.
        """

        async def write(connection: AsyncConnection) -> Project:
            project = await _whole(connection, project_id, lock=True)
            change(project)
            values = _values(project)
            await connection.execute(update(projects).where(_id == project_id).values(values))
            await connection.execute(
                delete(project_members).where(project_members.c.project_id == project_id)
            )
            await _keep_members(connection, project)
            return project

        return await self.database.write(write)

    async def remove(self, project_id: str) -> None:
        """Forgets a project."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(project_members).where(project_members.c.project_id == project_id)
            )
            await connection.execute(delete(projects).where(_id == project_id))

        await self.database.write(write)

    async def ids_of(self, user_id: str) -> list[str]:
        """The projects that a user is a member of."""
        column = project_members.c

        async def find(connection: AsyncConnection) -> list[str]:
            query = select(column.project_id).where(column.user_id == user_id)
            return list((await connection.execute(query)).scalars())

        return await self.database.read(find)

    async def page(
        self, member_id: str | None, status: int, after: int, size: int
    ) -> tuple[list[Project], int]:
        """Projects whose numbers are over `after`, one more than `size` at most, and how many
        there are; only those of a member, or with None all."""
        wanted: list[ColumnElement[bool]] = []
        if status:
            wanted.append(projects.c.status == status)
        if member_id is not None:
            own = select(project_members.c.project_id).where(project_members.c.user_id == member_id)
            wanted.append(_id.in_(own))

        async def find(connection: AsyncConnection) -> tuple[list[Project], int]:
            query = select(projects).where(*wanted, projects.c.number > after)
            rows = await connection.execute(query.order_by(projects.c.number).limit(size + 1))
            found = [_bare(row) for row in rows]
            await _add_members(connection, found)
            count = await connection.execute(
                select(func.count()).select_from(projects).where(*wanted)
            )
            return found, count.scalar_one()

        return await self.database.read(find)


async def _whole(connection: AsyncConnection, project_id: str, *, lock: bool = False) -> Project:
    query = select(projects).where(_id == project_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise ProjectNotFoundError(project_id)
    project = _bare(row)
    await _add_members(connection, [project])
    return project


async def _add_members(connection: AsyncConnection, found: Sequence[Project]) -> None:
    """Users who were removed are no members any more."""
    by_id = {project.project_id: project for project in found}
    column = project_members.c
    query = (
        select(project_members, users.c.username, users.c.number)
        .join(users, users.c.user_id == column.user_id)
        .where(column.project_id.in_(by_id))
        .order_by(column.project_id, column.place)
    )
    for row in await connection.execute(query):
        by_id[row.project_id].members.add(
            user_id=row.user_id, username=row.username, role=row.role, number=row.number
        )


async def _keep_members(connection: AsyncConnection, project: Project) -> None:
    """Keeps the members as they are now, and tells of them what their users' rows have."""
    rows = [
        {
            "project_id": project.project_id,
            "user_id": member.user_id,
            "role": member.role,
            "place": place,
        }
        for place, member in enumerate(project.members)
    ]
    if rows:
        await connection.execute(insert(project_members), rows)
    del project.members[:]
    await _add_members(connection, [project])


def _bare(row: AnyRow) -> Project:
    project = Project(
        project_id=row.project_id,
        number=row.number,
        name=row.name,
        description=row.description,
        owner_id=row.owner_id,
        status=row.status,
    )
    project.create_time.FromMicroseconds(row.create_time)
    project.update_time.FromMicroseconds(row.update_time)
    return project


def _values(project: Project) -> dict[str, Any]:
    owners = [each.user_id for each in project.members if each.role == ProjectMember.OWNER]
    if project.owner_id not in owners and owners:
        project.owner_id = owners[0]
    return {
        "number": project.number,
        "name": project.name,
        "description": project.description,
        "owner_id": project.owner_id,
        "status": project.status,
        "create_time": project.create_time.ToMicroseconds(),
        "update_time": project.update_time.ToMicroseconds(),
    }
