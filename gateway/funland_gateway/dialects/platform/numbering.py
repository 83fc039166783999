"""Projects by their numbers: what a request names, and what the contract names by ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from funland.v1.projects_pb2 import (
    GetProjectRequest,
    ListProjectsRequest,
    ListProjectsResponse,
    Project,
)
from funland_gateway.dialects.dialect import Reply, Step, Unary
from funland_gateway.dialects.reading import JsonObject, invalid, missing
from funland_gateway.dialects.rpcs import GET_PROJECT, LIST_PROJECTS

_PAGE: Final = 1000


def number(body: JsonObject, name: str) -> int | None:
    """A field that is a number, from 1; None if it is absent."""
    given = body.integer(name, 64)
    if given is not None and given < 1:
        raise invalid(body.path_of(name), "must be the number of one, from 1")
    return given


def needed(body: JsonObject, name: str) -> int:
    """A number that must be there."""
    given = number(body, name)
    if given is None:
        raise missing(body.path_of(name))
    return given


def project_of(body: JsonObject, then: Callable[[Project], Step]) -> Step:
    """Goes on with the project that a body names by its number; with an empty one if it names
    none."""
    given = number(body, "project_id")
    if given is None:
        return then(Project())
    request = GetProjectRequest(project_id=str(given))
    return Unary(GET_PROJECT, request, then)


def with_numbers(
    project_ids: Iterable[str], answer: Callable[[Mapping[str, int]], Reply]
) -> Reply | Unary:
    """Hands the numbers of projects to `answer`, by their ids; those that are not there for the
    caller have none. Where there is nothing to find, nothing is asked."""
    wanted = {each for each in project_ids if each}
    found: dict[str, int] = {}

    def ask(page_token: str) -> Unary:
        request = ListProjectsRequest(page_size=_PAGE, page_token=page_token)
        return Unary(LIST_PROJECTS, request, take, refused=lambda: answer(found))

    def take(page: ListProjectsResponse) -> Reply | Unary:
        found.update({each.project_id: each.number for each in page.projects})
        if page.next_page_token and not wanted <= found.keys():
            return ask(page.next_page_token)
        return answer(found)

    return ask("") if wanted else answer(found)
