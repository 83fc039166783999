"""What is in a project is there for its members, each as their role has it, and while they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from funland.v1 import datasets_pb2, projects_pb2, training_pb2
from funland.v1.projects_pb2 import ProjectMember
from tests.server.conftest import details
from tests.server.rpc.users import User

in_one_loop = pytest.mark.asyncio(loop_scope="module")

ROWS: Final = datasets_pb2.DatasetSource(
    inline=datasets_pb2.InlineRows(name="a.jsonl", text='{"text": "Once upon a time"}\n')
)
NONE, READER, EDITOR, OWNER = (
    ProjectMember.ROLE_UNSPECIFIED,
    ProjectMember.READER,
    ProjectMember.EDITOR,
    ProjectMember.OWNER,
)
Things = dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(ada: User) -> AsyncIterator[Things]:
    """Ada's project, with a dataset and a run in it."""
    project = await ada.call("CreateProject", projects_pb2.CreateProjectRequest(name="Ours"))
    create = datasets_pb2.CreateDatasetRequest(
        name="rows", project_id=project.project_id, source=ROWS
    )
    dataset = await ada.call("CreateDataset", create)
    await ada.last("WatchDataset", datasets_pb2.WatchDatasetRequest(dataset_id=dataset.dataset_id))
    things = {"project_id": project.project_id, "dataset_id": dataset.dataset_id}
    run = await ada.call("SubmitTraining", training(things))
    await ada.last("WatchTrainingRun", training_pb2.WatchTrainingRunRequest(run_id=run.run_id))
    yield things | {"run_id": run.run_id}


def training(things: Things) -> training_pb2.SubmitTrainingRequest:
    return training_pb2.SubmitTrainingRequest(
        model_id="funland-tiny",
        dataset_id=things["dataset_id"],
        project_id=things["project_id"],
        hyperparameters=training_pb2.Hyperparameters(max_steps=1, rank=1),
    )


def reading(things: Things) -> list[tuple[str, Message]]:
    """Calls of who reads."""
    dataset_id, run_id = things["dataset_id"], things["run_id"]
    return [
        ("GetProject", projects_pb2.GetProjectRequest(project_id=things["project_id"])),
        ("GetDataset", datasets_pb2.GetDatasetRequest(dataset_id=dataset_id)),
        ("ListDatasetRows", datasets_pb2.ListDatasetRowsRequest(dataset_id=dataset_id)),
        ("WatchDataset", datasets_pb2.WatchDatasetRequest(dataset_id=dataset_id)),
        ("GetTrainingRun", training_pb2.GetTrainingRunRequest(run_id=run_id)),
        ("WatchTrainingRun", training_pb2.WatchTrainingRunRequest(run_id=run_id)),
        ("ListTrainingMetrics", training_pb2.ListTrainingMetricsRequest(run_ids=[run_id])),
        ("PlotTrainingLoss", training_pb2.PlotTrainingLossRequest(run_ids=[run_id])),
        ("ExportAdapter", training_pb2.ExportAdapterRequest(run_id=run_id)),
    ]


def changing(things: Things) -> list[tuple[str, Message]]:
    """Calls of who edits, which leave all as it is."""
    dataset_id, run_id = things["dataset_id"], things["run_id"]
    return [
        ("UpdateDataset", datasets_pb2.UpdateDatasetRequest(dataset_id=dataset_id, name="rows")),
        (
            "AddDatasetVersion",
            datasets_pb2.AddDatasetVersionRequest(dataset_id=dataset_id, source=ROWS),
        ),
        ("CancelTraining", training_pb2.CancelTrainingRequest(run_id=run_id)),
        ("SubmitTraining", training(things)),
        (
            "UpdateProject",
            projects_pb2.UpdateProjectRequest(project_id=things["project_id"], name="Ours"),
        ),
    ]


def owning(things: Things) -> list[tuple[str, Message]]:
    """Calls of who owns, which leave all as it is."""
    project_id = things["project_id"]
    member = projects_pb2.SetProjectMemberRequest(project_id=project_id, username="ada", role=OWNER)
    return [("SetProjectMember", member)]


async def outcome(user: User, name: str, request: Message) -> str:
    """Why a call is refused; empty: it is not."""
    try:
        await user.call(name, request)
    except grpc.aio.AioRpcError as error:
        return details(error)["ErrorInfo"].reason
    return ""


@pytest.mark.parametrize("role", [NONE, READER, EDITOR, OWNER], ids=ProjectMember.Role.Name)
@in_one_loop
async def test_a_member_may_do_what_the_role_says(
    role: ProjectMember.Role.ValueType, shared: Things, ada: User, eve: User
) -> None:
    await becomes(ada, shared, role)
    # What who was here before has added is read.
    dataset = datasets_pb2.WatchDatasetRequest(dataset_id=shared["dataset_id"])
    await ada.last("WatchDataset", dataset)

    ways = {READER: reading(shared), EDITOR: changing(shared), OWNER: owning(shared)}
    for needed, calls in ways.items():
        for name, request in calls:
            refused = await outcome(eve, name, request)
            if role == NONE:
                assert refused.endswith("_NOT_FOUND"), name
            else:
                assert refused == ("" if role <= needed else "PROJECT_ROLE_MISSING"), name
    for name, field, request in listing():
        found: Any = await eve.call(name, request)
        assert bool(getattr(found, field)) == (role != NONE), name


def listing() -> list[tuple[str, str, Message]]:
    return [
        ("ListDatasets", "datasets", datasets_pb2.ListDatasetsRequest()),
        ("ListProjects", "projects", projects_pb2.ListProjectsRequest()),
    ]


async def becomes(ada: User, shared: Things, role: ProjectMember.Role.ValueType) -> None:
    """Eve has a role, or with NONE no more."""
    project_id = shared["project_id"]
    setting = projects_pb2.SetProjectMemberRequest(
        project_id=project_id, username="eve", role=role or READER
    )
    await ada.call("SetProjectMember", setting)
    if role == NONE:
        removal = projects_pb2.RemoveProjectMemberRequest(project_id=project_id, username="eve")
        await ada.call("RemoveProjectMember", removal)


@in_one_loop
async def test_who_is_no_member_any_more_keeps_their_own_alone(
    shared: Things, ada: User, eve: User
) -> None:
    await becomes(ada, shared, EDITOR)
    create = datasets_pb2.CreateDatasetRequest(
        name="eves", project_id=shared["project_id"], source=ROWS
    )
    hers = await eve.call("CreateDataset", create)
    get = datasets_pb2.GetDatasetRequest(dataset_id=hers.dataset_id)
    assert (await ada.call("GetDataset", get)).owner_id == eve.user_id

    await becomes(ada, shared, NONE)

    assert await outcome(eve, "GetDataset", get) == ""
    for name, request in [*reading(shared), *changing(shared), *owning(shared)]:
        assert (await outcome(eve, name, request)).endswith("_NOT_FOUND"), name


@in_one_loop
async def test_what_was_in_a_project_that_is_gone_is_its_makers_alone(ada: User, eve: User) -> None:
    project = await ada.call("CreateProject", projects_pb2.CreateProjectRequest(name="Short"))
    things = {"project_id": project.project_id}
    await becomes(ada, things, OWNER)
    create = datasets_pb2.CreateDatasetRequest(
        name="rows", project_id=project.project_id, source=ROWS
    )
    dataset = await ada.call("CreateDataset", create)
    get = datasets_pb2.GetDatasetRequest(dataset_id=dataset.dataset_id)
    assert await outcome(eve, "GetDataset", get) == ""

    await eve.call(
        "DeleteProject", projects_pb2.DeleteProjectRequest(project_id=project.project_id)
    )

    assert await outcome(eve, "GetDataset", get) == "DATASET_NOT_FOUND"
    assert await outcome(ada, "GetDataset", get) == ""
    rename = datasets_pb2.UpdateDatasetRequest(dataset_id=dataset.dataset_id, name="mine")
    assert await outcome(ada, "UpdateDataset", rename) == ""


@in_one_loop
async def test_ones_own_can_not_be_put_into_anothers_project(ada: User, eve: User) -> None:
    project = await ada.call("CreateProject", projects_pb2.CreateProjectRequest(name="Hers"))
    create = datasets_pb2.CreateDatasetRequest(name="eves", source=ROWS)
    dataset = await eve.call("CreateDataset", create)
    move = datasets_pb2.UpdateDatasetRequest(
        dataset_id=dataset.dataset_id, project_id=project.project_id
    )

    assert await outcome(eve, "UpdateDataset", move) == "PROJECT_NOT_FOUND"
    get = datasets_pb2.GetDatasetRequest(dataset_id=dataset.dataset_id)
    assert await outcome(ada, "GetDataset", get) == "DATASET_NOT_FOUND"
