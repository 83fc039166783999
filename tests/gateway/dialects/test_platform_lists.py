"""The `platform` dialect: its accounts, its projects and its lists."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from funland.v1.auth_pb2 import CreateTokenRequest, PasswordGrant
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland.v1.projects_pb2 import (
    GetProjectRequest,
    ListProjectsResponse,
    Project,
    ProjectMember,
    UpdateProjectRequest,
)
from funland.v1.tasks_pb2 import ListTasksResponse, Task
from funland.v1.training_pb2 import ListTrainingRunsResponse, TrainingRun, TrainingStep
from funland_gateway.bodies import parse_texts
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.platform.routes import PLATFORM
from funland_gateway.dialects.sharing import joint_routes
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.asked import asked, call, refused, told

ROUTES = {(route.method, route.path): route for route in PLATFORM.routes}
TOKEN = ROUTES["POST", "/api/v1/auth/token"]
PROJECTS = ROUTES["GET", "/api/v1/projects"]
PUT = ROUTES["PUT", "/api/v1/projects/{id}"]
TASKS = ROUTES["GET", "/api/v1/tasks"]


@pytest.mark.parametrize(
    ("form", "request_made"),
    [
        (
            {"username": "ada", "password": "p"},
            CreateTokenRequest(password=PasswordGrant(username="ada", password="p")),  # noqa: S106 - none that counts
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "r"},
            CreateTokenRequest(refresh_token="r"),  # noqa: S106 - as above
        ),
    ],
)
def test_a_form_is_a_grant(form: Any, request_made: CreateTokenRequest) -> None:
    assert call(TOKEN, asked(form)).message == request_made


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "username"),
        ({"username": "ada"}, "password"),
        ({"grant_type": "refresh_token"}, "refresh_token"),
        ({"grant_type": "client_credentials"}, "grant_type"),
    ],
)
def test_a_form_without_what_its_grant_needs_names_it(form: Any, field: str) -> None:
    assert [each.field for each in refused(TOKEN, asked(form)).field_violations] == [field]


def test_a_part_of_a_list_is_asked_for_page_by_page_until_it_is_there() -> None:
    described = call(PROJECTS, asked(skip="1500", limit="2"))
    first = ListProjectsResponse(
        projects=[Project(number=number) for number in range(1000)],
        next_page_token="999",  # noqa: S106 - no password
        total_size=1600,
    )
    second = ListProjectsResponse(
        projects=[Project(number=number) for number in range(1000, 1502)],
        next_page_token="1501",  # noqa: S106 - as above
        total_size=1600,
    )

    assert described.message.page_size == 1000  # type: ignore[attr-defined]  # its own request's
    step: Any = described.answer(first)
    assert (step.message.page_size, step.message.page_token) == (502, "999")
    body = told(described, second)
    assert (body["total"], [each["id"] for each in body["projects"]]) == (1600, [1500, 1501])


@pytest.mark.parametrize(
    ("query", "field"),
    [({"skip": "-1"}, "skip"), ({"limit": "0"}, "limit"), ({"limit": "x"}, "limit")],
)
def test_a_part_that_is_none_is_refused(query: Any, field: str) -> None:
    error = refused(PROJECTS, asked(**query))
    assert [each.field for each in error.field_violations] == [field]


def test_a_project_is_changed_by_its_number() -> None:
    described = call(PUT, asked({"name": "New", "status": "archived"}, {"id": "7"}))
    found = Project(project_id="prj_1", number=7, owner_id="u2")
    found.members.add(user_id="u1", role=ProjectMember.EDITOR, number=1)
    found.members.add(user_id="u2", role=ProjectMember.OWNER, number=2)

    assert described.message == GetProjectRequest(project_id="7")
    step: Any = described.answer(found)
    assert step.message == UpdateProjectRequest(
        project_id="prj_1", name="New", status=Project.ARCHIVED
    )
    assert told(step, found)["owner_id"] == 2


@pytest.mark.parametrize("name", ["x", "prj_1", "-1", "1.0", "9" * 19])
def test_a_projects_id_is_a_number(name: str) -> None:
    (violation,) = refused(PUT, asked({}, {"id": name})).field_violations
    assert violation.field == "id"


def test_tasks_are_told_in_the_documents_words() -> None:
    task = Task(task_id="task_1", kind=Task.CHAT, state=Task.PROCESSING, progress_percent=45.54)
    task.create_time.FromMicroseconds(1_700_000_000_000_007)
    described = call(TASKS, asked(status="running"))

    assert [*described.message.states] == [Task.PROCESSING]  # type: ignore[attr-defined]  # its own request's
    (shown,) = told(described, ListTasksResponse(tasks=[task], total_size=1))["tasks"]
    assert (shown["id"], shown["type"]) == (1_700_000_000_000_007, "chat")
    assert (shown["status"], shown["progress"]) == ("running", 45.5)


def test_models_have_the_fields_of_both_apis_however_many_pages_there_are() -> None:
    (route,) = [route for _, route in joint_routes(DIALECTS) if route.path == "/api/v1/models"]
    pages = [
        ListModelsResponse(
            models=[Model(model_id="a", state=Model.LOADED)],
            next_page_token="a",  # noqa: S106 - no password
        ),
        ListModelsResponse(models=[Model(model_id="b", state=Model.FAILED)]),
    ]

    body = told(call(route, asked()), *pages)

    assert body["total"] == 2
    names = [(each["name"], each["loaded"], each["status"]) for each in body["models"]]
    assert names == [("a", True, "ready"), ("b", False, "failed")]
    documented: Any = route.response_schema
    assert set(documented["properties"]["models"]["items"]["properties"]) == {*body["models"][0]}


def run(number: int, adapter_id: str, loss: float) -> TrainingRun:
    last = TrainingStep(step=3, loss=loss)
    return TrainingRun(number=number, model_id="a", adapter_id=adapter_id, last=last)


def test_a_model_has_the_loss_of_the_newest_run_whose_adapter_it_has() -> None:
    (route,) = [route for _, route in joint_routes(DIALECTS) if route.path == "/api/v1/models"]
    models = ListModelsResponse(models=[Model(model_id="a"), Model(model_id="b")])
    for adapter_id in ("polite", "rude"):
        models.models[0].adapters.add(adapter_id=adapter_id)
    runs = [run(4, "gone", 0.1), run(3, "rude", 0.2), run(2, "polite", 0.3), run(1, "rude", 0.4)]

    step: Any = call(route, asked()).answer(models)
    assert [*step.message.states] == [TrainingRun.COMPLETED]
    body = told(step, ListTrainingRunsResponse(runs=runs))

    assert [each["metrics"]["final_loss"] for each in body["models"]] == [0.2, None]
    assert [each["loaded"] for each in body["models"]] == [False, False]
    # A caller that may not list runs is told the rest.
    hidden = orjson.loads(step.refused().content)
    assert [each["metrics"]["final_loss"] for each in hidden["models"]] == [None, None]
    assert [each["loaded"] for each in hidden["models"]] == [False, False]


def test_texts_of_a_form_are_decoded() -> None:
    assert parse_texts(b"a=1+2&b=%C3%A4%26&c=") == {"a": "1 2", "b": "ä&", "c": ""}


@pytest.mark.parametrize("body", [b"a=1&a=2", b"\xff=1", b"a=%ff", b"&".join([b"a=1"] * 65)])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(CallFailed):
        parse_texts(body)


async def test_a_form_of_another_type_is_refused_in_platforms_shape(
    http: aiohttp.ClientSession,
) -> None:
    async with http.post("/api/v1/auth/token", json={"username": "ada"}) as response:
        body = await response.json()

    assert (response.status, set(body)) == (415, {"detail"})
