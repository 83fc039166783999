"""`projects`: what several users work on together. Their ids are numbers here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from funland.v1.projects_pb2 import (
    CreateProjectRequest,
    DeleteProjectRequest,
    GetProjectRequest,
    ListProjectsRequest,
    Project,
    UpdateProjectRequest,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.reading import JsonObject, invalid
from funland_gateway.dialects.rpcs import (
    CREATE_PROJECT,
    DELETE_PROJECT,
    GET_PROJECT,
    LIST_PROJECTS,
    UPDATE_PROJECT,
)
from funland_gateway.dialects.skipping import skipped_to
from funland_gateway.dialects.times import moment

STATUSES: Final[Mapping[str, Project.Status.ValueType]] = {
    "active": Project.ACTIVE,
    "archived": Project.ARCHIVED,
}
_WORDS: Final = {status: word for word, status in STATUSES.items()}
_MOST_DIGITS: Final = 18  # as many as every number of 64 bits has


def list_projects(incoming: Incoming) -> Unary:
    """Asks for a part of the caller's projects."""

    def answer(projects: Sequence[Project], total: int) -> Reply:
        return json_reply({"total": total, "projects": [_project(each) for each in projects]})

    return skipped_to(LIST_PROJECTS, ListProjectsRequest(), "projects", incoming.query, answer)


def create_project(incoming: Incoming) -> Unary:
    """Asks to make a project."""
    request = CreateProjectRequest(
        name=incoming.body.string("name"), description=incoming.body.optional_string("description")
    )
    return Unary(
        CREATE_PROJECT,
        request,
        lambda project: json_reply(_project(project), HTTPStatus.CREATED),
    )


def get_project(incoming: Incoming) -> Unary:
    """Asks for a project."""
    return _found(incoming, _answer)


def update_project(incoming: Incoming) -> Unary:
    """Asks to change what the body has of a project."""
    change = _changes(incoming.body)

    def update(project: Project) -> Unary:
        request = UpdateProjectRequest(project_id=project.project_id, **change)
        return Unary(UPDATE_PROJECT, request, _answer)

    return _found(incoming, update)


def delete_project(incoming: Incoming) -> Unary:
    """Asks to remove a project, and answers as it was."""

    def delete(project: Project) -> Unary:
        request = DeleteProjectRequest(project_id=project.project_id)
        return Unary(DELETE_PROJECT, request, lambda _: _answer(project))

    return _found(incoming, delete)


def _found(incoming: Incoming, then: Callable[[Project], Reply | Unary]) -> Unary:
    """Finds the project that the path names, for its number is no id."""
    number = incoming.path["id"]
    if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise invalid("id", "must be an integer")
    return Unary(GET_PROJECT, GetProjectRequest(project_id=number), then, lambda _: "id")


def _changes(body: JsonObject) -> dict[str, Any]:
    change: dict[str, Any] = {
        name: body.optional_string(name)
        for name in ("name", "description")
        if body.raw(name) is not None
    }
    if status := body.choice("status", STATUSES, None):
        change["status"] = status
    return change


def _answer(project: Project) -> Reply:
    return json_reply(_project(project))


def _project(project: Project) -> dict[str, Any]:
    owners = [each.number for each in project.members if each.user_id == project.owner_id]
    return {
        "id": project.number,
        "project_id": project.project_id,
        "name": project.name,
        "description": project.description,
        "owner_id": owners[0] if owners else None,
        "status": _WORDS.get(project.status),
        "created_at": moment(project, "create_time"),
    }
