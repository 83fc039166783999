"""Projects are there for their members, and each may do what their role allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from funland.v1.auth_pb2 import User
from funland.v1.projects_pb2 import (
    CreateProjectRequest,
    ListProjectsRequest,
    Project,
    ProjectMember,
    RemoveProjectMemberRequest,
    SetProjectMemberRequest,
    UpdateProjectRequest,
)
from funland_server.auth.errors import UserNotFoundError
from funland_server.auth.people import People
from funland_server.errors import FieldInvalidError
from funland_server.identity import LOCAL, Identity
from funland_server.projects.errors import (
    LastOwnerError,
    ProjectNotFoundError,
    ProjectRoleMissingError,
)
from funland_server.projects.managing import Managing
from funland_server.projects.store import ProjectStore
from funland_server.storage.database import Database

SCOPES = frozenset(("read", "infer", "manage"))
ADA, BEN, EVE = (Identity(f"usr_{name}", name, SCOPES) for name in ("ada", "ben", "eve"))
OWNER, EDITOR, READER = ProjectMember.OWNER, ProjectMember.EDITOR, ProjectMember.READER


@pytest.fixture
async def managing(place: Path | str) -> AsyncIterator[Managing]:
    database = Database(place)
    await database.open()
    people = People(database)
    for who in (ADA, BEN, EVE):
        await people.add(User(user_id=who.user_id, username=who.username, role=User.MEMBER), "")
    yield Managing(ProjectStore(database), people)
    await database.close()


async def made(managing: Managing, by: Identity = ADA, name: str = "Tuning") -> Project:
    return await managing.make(CreateProjectRequest(name=name, description="why"), by)


async def with_member(managing: Managing, role: ProjectMember.Role.ValueType) -> Project:
    project = await made(managing)
    request = SetProjectMemberRequest(project_id=project.project_id, username="BEN", role=role)
    return await managing.set_member(request, ADA)


async def test_a_project_is_found_by_its_number_and_for_others_is_not(managing: Managing) -> None:
    await made(managing)
    project = await made(managing)

    assert (project.number, project.members[0].number) == (2, 1)
    assert await managing.named("2", ADA) == await managing.named(project.project_id, ADA)
    for name in ("2", "3", "0", "9" * 30, project.project_id):
        with pytest.raises(ProjectNotFoundError) as raised:
            await managing.named(name, EVE)
        assert raised.value.metadata == {"project_id": name}
        assert str(raised.value) == str(ProjectNotFoundError(name))


async def test_a_project_is_its_makers(managing: Managing) -> None:
    project = await made(managing)

    assert await managing.get(project.project_id, ADA) == project
    assert (project.number, project.owner_id, project.status) == (1, ADA.user_id, Project.ACTIVE)
    assert [(each.username, each.role) for each in project.members] == [("ada", OWNER)]


async def test_a_project_is_not_there_for_others(managing: Managing) -> None:
    project = await made(managing)
    update = UpdateProjectRequest(project_id=project.project_id, name="mine")

    with pytest.raises(ProjectNotFoundError):
        await managing.get(project.project_id, EVE)
    with pytest.raises(ProjectNotFoundError):
        await managing.change(update, EVE)
    with pytest.raises(ProjectNotFoundError):
        await managing.remove(project.project_id, EVE)
    assert (await managing.page(ListProjectsRequest(), EVE)).total_size == 0
    assert (await managing.page(ListProjectsRequest(), LOCAL)).total_size == 1


@pytest.mark.parametrize(
    ("role", "may_change", "may_remove"),
    [(READER, False, False), (EDITOR, True, False), (OWNER, True, True)],
)
async def test_a_member_may_do_what_the_role_allows(
    managing: Managing,
    role: ProjectMember.Role.ValueType,
    may_change: bool,
    may_remove: bool,
) -> None:
    project = await with_member(managing, role)
    update = UpdateProjectRequest(project_id=project.project_id, status=Project.ARCHIVED)
    grant = SetProjectMemberRequest(project_id=project.project_id, username="eve", role=READER)

    assert await allowed(managing.get(project.project_id, BEN))
    assert await allowed(managing.change(update, BEN)) is may_change
    assert await allowed(managing.set_member(grant, BEN)) is may_remove
    assert await allowed(managing.remove(project.project_id, BEN)) is may_remove


async def test_a_project_keeps_an_owner(managing: Managing) -> None:
    project = await with_member(managing, READER)
    leave = RemoveProjectMemberRequest(project_id=project.project_id, username="ada")
    step_down = SetProjectMemberRequest(project_id=project.project_id, username="ada", role=EDITOR)

    for change in (managing.remove_member(leave, ADA), managing.set_member(step_down, ADA)):
        with pytest.raises(LastOwnerError):
            await change


async def test_who_owns_it_can_pass_on(managing: Managing) -> None:
    project = await with_member(managing, OWNER)
    leave = RemoveProjectMemberRequest(project_id=project.project_id, username="Ada")

    left = await managing.remove_member(leave, ADA)

    assert left.owner_id == BEN.user_id
    with pytest.raises(ProjectNotFoundError):
        await managing.get(project.project_id, ADA)


async def test_a_member_may_leave(managing: Managing) -> None:
    project = await with_member(managing, READER)
    leave = RemoveProjectMemberRequest(project_id=project.project_id, username="ben")

    left = await managing.remove_member(leave, BEN)

    assert [each.username for each in left.members] == ["ada"]
    with pytest.raises(UserNotFoundError):
        await managing.remove_member(leave, ADA)


async def test_who_is_removed_as_a_user_is_no_member(managing: Managing) -> None:
    project = await with_member(managing, EDITOR)
    await managing.people.add(
        User(user_id="usr_root", username="root", role=User.ADMIN, is_active=True), ""
    )

    await managing.people.remove(BEN.user_id)

    assert [each.username for each in (await managing.get(project.project_id, ADA)).members] == [
        "ada"
    ]


async def test_pages_follow_one_another(managing: Managing) -> None:
    names = [(await made(managing, name=f"P{number}")).name for number in range(5)]
    found: list[str] = []
    token = ""
    while True:
        page = await managing.page(ListProjectsRequest(page_size=2, page_token=token), ADA)
        found += [project.name for project in page.projects]
        token = page.next_page_token
        if not token:
            break

    assert found == names
    assert page.total_size == len(names)
    with pytest.raises(FieldInvalidError):
        await managing.page(ListProjectsRequest(page_token="never"), ADA)  # noqa: S106 - of a page


async def test_without_accounts_a_project_is_everybodys(managing: Managing) -> None:
    project = await made(managing, LOCAL)

    changed = await managing.change(
        UpdateProjectRequest(project_id=project.project_id, description=""), LOCAL
    )

    assert (changed.owner_id, list(changed.members), changed.description) == ("", [], "")


async def allowed(change: Awaitable[object]) -> bool:
    """Whether what was asked for was done; that it may not be is said by the right error."""
    try:
        await change
    except ProjectRoleMissingError:
        return False
    return True
