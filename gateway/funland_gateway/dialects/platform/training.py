"""`training`: what can be trained, how, and the submission of runs."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor

from funland.v1.datasets_pb2 import Dataset, GetDatasetRequest
from funland.v1.models_pb2 import Model
from funland.v1.projects_pb2 import Project
from funland.v1.training_pb2 import (
    Hyperparameters,
    ListTrainableModelsRequest,
    ListTrainableModelsResponse,
    ListTrainingTemplatesRequest,
    ListTrainingTemplatesResponse,
    SubmitTrainingRequest,
    TrainableModel,
    TrainingRun,
    TrainingTemplate,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Unary, json_reply
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.platform.models import provider
from funland_gateway.dialects.platform.numbering import needed, project_of
from funland_gateway.dialects.reading import JsonObject, invalid
from funland_gateway.dialects.rpcs import (
    GET_DATASET,
    LIST_TRAINABLE_MODELS,
    LIST_TRAINING_TEMPLATES,
    SUBMIT_TRAINING,
)
from funland_gateway.dialects.sizes import size, weights
from funland_gateway.dialects.times import moment

HYPERPARAMETERS: Final = tuple(field.name for field in Hyperparameters.DESCRIPTOR.fields)
INTEGERS: Final = tuple(
    field.name
    for field in Hyperparameters.DESCRIPTOR.fields
    if field.cpp_type in {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64}
)
STATES: Final = tuple(
    name.lower()
    for name, state in TrainingRun.State.items()
    if state != TrainingRun.STATE_UNSPECIFIED
)
_NO_GPU: Final = "0GB"
_BITS: Final = {FieldDescriptor.CPPTYPE_INT32: 32, FieldDescriptor.CPPTYPE_INT64: 64}
_NAMES: Final = {"name": "experiment_name"}


def list_models(_incoming: Incoming) -> Unary:
    """Asks for the models that can be trained here."""

    def trainable(models: Sequence[Model]) -> Unary:
        known = {model.model_id: model for model in models}

        def answer(found: ListTrainableModelsResponse) -> Reply:
            return json_reply(
                {"models": [_model(each, known.get(each.model_id)) for each in found.models]}
            )

        return Unary(LIST_TRAINABLE_MODELS, ListTrainableModelsRequest(), answer)

    return every_model(trainable)


def list_templates(_incoming: Incoming) -> Unary:
    """Asks for the ways to train."""

    def answer(found: ListTrainingTemplatesResponse) -> Reply:
        return json_reply({"templates": [_template(each) for each in found.templates]})

    return Unary(LIST_TRAINING_TEMPLATES, ListTrainingTemplatesRequest(), answer)


def submit(incoming: Incoming) -> Step:
    """Asks to submit a run: finds its dataset and its project, which are numbers here."""
    body = incoming.body
    request = SubmitTrainingRequest(
        model_id=body.string("model_id"),
        template_id=body.optional_string("template_id"),
        name=body.optional_string("experiment_name"),
        hyperparameters=_hyperparameters(body.object("hyperparameters") or JsonObject({})),
    )
    number = needed(body, "dataset_id")

    def with_project(project: Project) -> Unary:
        request.project_id = project.project_id
        return Unary(GET_DATASET, GetDatasetRequest(dataset_id=str(number)), with_dataset)

    def with_dataset(dataset: Dataset) -> Unary:
        request.dataset_id = dataset.dataset_id
        return Unary(SUBMIT_TRAINING, request, answer, lambda path: _NAMES.get(path, path))

    def answer(run: TrainingRun) -> Reply:
        told = _run(run, number, cast("int | None", body.raw("project_id")))
        return json_reply(told, HTTPStatus.CREATED)

    return project_of(body, with_project)


def _hyperparameters(given: JsonObject) -> Hyperparameters:
    """What is set. One that there is not is refused: a run without it would be another."""
    made = Hyperparameters()
    for name, value in given.items():
        path = given.path_of(name)
        if name not in HYPERPARAMETERS:
            raise invalid(path[:128], f"is none of {', '.join(HYPERPARAMETERS)}")
        if value is None:
            continue
        bits = _BITS.get(Hyperparameters.DESCRIPTOR.fields_by_name[name].cpp_type)
        setattr(made, name, given.integer(name, bits) if bits else given.number(name))
    return made


def _model(model: TrainableModel, installed: Model | None) -> dict[str, Any]:
    return {
        "id": model.model_id,
        "name": model.name or model.model_id,
        "provider": provider(installed) if installed is not None else None,
        "size": weights(model.parameters),
        "type": "base",
    }


def _template(template: TrainingTemplate) -> dict[str, Any]:
    least = template.min_gpu_memory_bytes if template.HasField("min_gpu_memory_bytes") else None
    return {
        "id": template.template_id,
        "name": template.name,
        "description": template.description,
        "min_gpu_memory": None if least is None else size(least) if least else _NO_GPU,
        "available": template.available,
        "unavailable_reason": template.unavailable_reason or None,
    }


def _run(run: TrainingRun, dataset: int, project: int | None) -> dict[str, Any]:
    return {
        "id": run.number,
        "experiment_id": run.run_id,
        "experiment_name": run.name,
        "task_id": run.task_id,
        "model_id": run.model_id,
        "dataset_id": dataset,
        "template_id": run.template_id,
        "project_id": project,
        "status": TrainingRun.State.Name(run.state).lower(),
        "created_at": moment(run, "create_time"),
    }
