"""The `platform` dialect: its datasets, its losses, and what it trains."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.datasets_pb2 import Dataset, DatasetVersion, GetDatasetRequest, ListDatasetsResponse
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland.v1.projects_pb2 import GetProjectRequest, ListProjectsResponse, Project
from funland.v1.tasks_pb2 import ListTasksResponse, Task
from funland.v1.training_pb2 import (
    Hyperparameters,
    ListTrainableModelsResponse,
    ListTrainingMetricsRequest,
    ListTrainingMetricsResponse,
    ListTrainingTemplatesResponse,
    SubmitTrainingRequest,
    TrainableModel,
    TrainingCurve,
    TrainingRun,
    TrainingStep,
    TrainingTemplate,
)
from funland_gateway.dialects.dialect import Reply
from funland_gateway.dialects.platform.routes import PLATFORM
from tests.gateway.dialects.asked import asked, call, refused, told

ROUTES = {(route.method, route.path): route for route in PLATFORM.routes}
DATASETS = ROUTES["GET", "/api/v1/datasets"]
LOSS = ROUTES["GET", "/api/v1/metrics/loss"]
MODELS = ROUTES["GET", "/api/v1/training/models"]
TEMPLATES = ROUTES["GET", "/api/v1/training/templates"]
SUBMIT = ROUTES["POST", "/api/v1/training/submit"]
TASKS = ROUTES["GET", "/api/v1/tasks"]
MINE = ListProjectsResponse(projects=[Project(project_id="prj_1", number=7)])
BODY: dict[str, Any] = {
    "model_id": "llama2-7b",
    "dataset_id": 1,
    "template_id": "lora",
    "project_id": 7,
    "experiment_name": "我的实验",
    "hyperparameters": {"learning_rate": 2e-4, "epochs": 3},
}


def test_a_dataset_is_told_as_its_newest_version_is() -> None:
    dataset = Dataset(dataset_id="ds_1", number=3, project_id="prj_1", status=Dataset.READY)
    dataset.versions.add(format=DatasetVersion.JSONL, source_bytes=52428800, row_count=52000)

    found = ListDatasetsResponse(datasets=[dataset], total_size=1)
    body = told(call(DATASETS, asked()), found, MINE)

    (shown,) = body["datasets"]
    assert (shown["id"], shown["project_id"]) == (3, 7)
    assert (shown["format"], shown["size"], shown["row_count"]) == ("jsonl", 52428800, 52000)


def test_of_a_dataset_that_is_not_read_yet_nothing_is_made_up() -> None:
    dataset = Dataset(dataset_id="ds_1", number=1, status=Dataset.PREPARING)

    body = told(call(DATASETS, asked()), ListDatasetsResponse(datasets=[dataset]))

    (shown,) = body["datasets"]
    assert [shown[name] for name in ("project_id", "format", "size", "row_count")] == [None] * 4


def test_a_project_that_is_not_there_for_the_caller_has_no_number() -> None:
    dataset = Dataset(project_id="prj_2")

    body = told(call(DATASETS, asked()), ListDatasetsResponse(datasets=[dataset]), MINE)

    assert body["datasets"][0]["project_id"] is None


def test_projects_are_looked_for_page_by_page() -> None:
    first = ListProjectsResponse(next_page_token="1")  # noqa: S106 - no password

    found = ListDatasetsResponse(datasets=[Dataset(project_id="prj_1")])
    body = told(call(DATASETS, asked()), found, first, MINE)

    assert body["datasets"][0]["project_id"] == 7


def test_a_task_that_trains_has_its_runs_name_and_project() -> None:
    metadata = {"name": "A run", "project_id": "prj_1"}
    training = Task(task_id="t1", kind=Task.TRAINING, metadata=metadata)
    other = Task(task_id="t2", kind=Task.CHAT, metadata=metadata)

    body = told(call(TASKS, asked()), ListTasksResponse(tasks=[training, other]), MINE)

    shown = [(each["name"], each["project_id"]) for each in body["tasks"]]
    assert shown == [("A run", 7), ("A run", None)]


@pytest.mark.parametrize(
    ("query", "request_made"),
    [
        ({}, ListTrainingMetricsRequest(points=100)),
        (
            {"experiment_id": "run_1", "steps": "2"},
            ListTrainingMetricsRequest(run_ids=["run_1"], points=2),
        ),
    ],
)
def test_a_curve_is_asked_for(query: Any, request_made: ListTrainingMetricsRequest) -> None:
    assert call(LOSS, asked(**query)).message == request_made


@pytest.mark.parametrize(
    ("epoch", "shown"), [(0.5, 0), (1.0, 0), (1.25, 1), (2.0, 1), (0.0, 0), (1 / 3, 0)]
)
def test_a_step_is_in_the_epoch_that_it_was_seen_in(epoch: float, shown: int) -> None:
    curve = TrainingCurve(run_id="run_1", steps=[TrainingStep(step=1, loss=2.5, epoch=epoch)])

    body = told(call(LOSS, asked()), ListTrainingMetricsResponse(curves=[curve]))

    assert body["data"] == [{"step": 1, "loss": 2.5, "epoch": shown}]


def test_without_a_run_there_is_no_loss() -> None:
    assert told(call(LOSS, asked()), ListTrainingMetricsResponse()) == {
        "experiment_id": None,
        "experiment_name": None,
        "total_steps": 0,
        "metrics": {"initial_loss": None, "final_loss": None, "best_loss": None},
        "data": [],
    }


def test_a_trainable_model_has_its_publisher() -> None:
    model = Model(model_id="llama2-7b")
    model.origin.model_id = "meta/Llama-2-7b"
    found = TrainableModel(model_id="llama2-7b", name="Llama-2-7b", parameters=7_000_000_000)

    body = told(
        call(MODELS, asked()),
        ListModelsResponse(models=[model]),
        ListTrainableModelsResponse(models=[found]),
    )

    assert body["models"] == [
        {
            "id": "llama2-7b", "name": "Llama-2-7b", "provider": "meta", "size": "7B",
            "type": "base",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(("least", "shown"), [(None, None), (0, "0GB"), (8_000_000_000, "8GB")])
def test_what_a_template_needs_of_a_gpu_is_told_as_far_as_it_is_known(
    least: int | None, shown: str | None
) -> None:
    template = TrainingTemplate(template_id="lora", min_gpu_memory_bytes=least)

    body = told(call(TEMPLATES, asked()), ListTrainingTemplatesResponse(templates=[template]))

    assert body["templates"][0]["min_gpu_memory"] == shown


def test_a_run_is_submitted_for_what_the_numbers_name() -> None:
    described = call(SUBMIT, asked(BODY))
    assert described.message == GetProjectRequest(project_id="7")
    find: Any = described.answer(Project(project_id="prj_1", number=7))
    assert find.message == GetDatasetRequest(dataset_id="1")
    step: Any = find.answer(Dataset(dataset_id="ds_1", number=1))

    assert step.message == SubmitTrainingRequest(
        model_id="llama2-7b",
        dataset_id="ds_1",
        template_id="lora",
        project_id="prj_1",
        name="我的实验",
        hyperparameters=Hyperparameters(learning_rate=2e-4, epochs=3),
    )
    run = TrainingRun(run_id="run_1", number=2, state=TrainingRun.PENDING)
    reply = step.answer(run)
    assert isinstance(reply, Reply)
    assert reply.status == 201
    body = told(step, run)
    assert (body["id"], body["experiment_id"], body["status"]) == (2, "run_1", "pending")
    assert (body["dataset_id"], body["project_id"]) == (1, 7)


def test_a_run_without_a_project_asks_for_none() -> None:
    described = call(SUBMIT, asked({"model_id": "m", "dataset_id": 1}))

    assert described.message == GetDatasetRequest(dataset_id="1")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model_id": None}, "model_id"),
        ({"dataset_id": None}, "dataset_id"),
        ({"dataset_id": "1"}, "dataset_id"),
        ({"dataset_id": 0}, "dataset_id"),
        ({"project_id": 1.5}, "project_id"),
        ({"hyperparameters": []}, "hyperparameters"),
        ({"hyperparameters": {"lora_rank": 8}}, "hyperparameters.lora_rank"),
        ({"hyperparameters": {"epochs": 1.5}}, "hyperparameters.epochs"),
        ({"hyperparameters": {"learning_rate": "fast"}}, "hyperparameters.learning_rate"),
    ],
)
def test_what_is_wrong_with_a_submission_is_named(change: Any, field: str) -> None:
    error = refused(SUBMIT, asked({**BODY, **change}))
    assert [each.field for each in error.field_violations] == [field]
