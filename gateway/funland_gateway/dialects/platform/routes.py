"""The `platform` dialect's table, as its document lists its endpoints."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.platform import schemas, training_schemas
from funland_gateway.dialects.platform.accounts import create_token, get_me
from funland_gateway.dialects.platform.datasets import list_datasets
from funland_gateway.dialects.platform.errors import ENVELOPE
from funland_gateway.dialects.platform.gpu import get_gpus
from funland_gateway.dialects.platform.inference import generate
from funland_gateway.dialects.platform.losses import EXPERIMENT, STEPS, get_losses
from funland_gateway.dialects.platform.models import list_inference_models, list_models
from funland_gateway.dialects.platform.projects import (
    create_project,
    delete_project,
    get_project,
    list_projects,
    update_project,
)
from funland_gateway.dialects.platform.settings import get_storage, get_system
from funland_gateway.dialects.platform.tasks import STATUS, list_tasks
from funland_gateway.dialects.platform.training import list_models as list_trainable_models
from funland_gateway.dialects.platform.training import list_templates, submit
from funland_gateway.dialects.skipping import LIMIT, SKIP

_TAG: Final = "platform"

PLATFORM: Final = Dialect(
    name=_TAG,
    prefixes=(
        "/api/v1/auth/",
        "/api/v1/projects/",
        "/api/v1/datasets/",
        "/api/v1/gpu/",
        "/api/v1/metrics/",
        "/api/v1/training/",
        "/api/v1/inference/",
        "/api/v1/settings/",
    ),
    envelope=ENVELOPE,
    routes=(
        Route(
            "POST",
            "/api/v1/auth/token",
            create_token,
            "Gives a token for a name and a password, or for a refresh token.",
            _TAG,
            schemas.TOKEN_REQUEST,
            schemas.TOKEN,
            url_encoded=True,
            open=True,
        ),
        Route(
            "GET",
            "/api/v1/auth/me",
            get_me,
            "Tells who calls.",
            _TAG,
            response_schema=schemas.ME,
        ),
        Route(
            "GET",
            "/api/v1/projects",
            list_projects,
            "Lists the caller's projects.",
            _TAG,
            response_schema=schemas.PROJECTS,
            query=(SKIP, LIMIT),
        ),
        Route(
            "POST",
            "/api/v1/projects",
            create_project,
            "Makes a project.",
            _TAG,
            schemas.PROJECT_REQUEST,
            schemas.PROJECT,
        ),
        Route(
            "GET",
            "/api/v1/projects/{id}",
            get_project,
            "Gets a project.",
            _TAG,
            response_schema=schemas.PROJECT,
        ),
        Route(
            "PUT",
            "/api/v1/projects/{id}",
            update_project,
            "Changes what the body has of a project.",
            _TAG,
            schemas.PROJECT_CHANGE,
            schemas.PROJECT,
        ),
        Route(
            "DELETE",
            "/api/v1/projects/{id}",
            delete_project,
            "Removes a project, and tells what it was.",
            _TAG,
            response_schema=schemas.PROJECT,
        ),
        Route(
            "GET",
            "/api/v1/tasks",
            list_tasks,
            "Lists tasks, the newest first.",
            _TAG,
            response_schema=schemas.TASKS,
            query=(STATUS, SKIP, LIMIT),
        ),
        Route(
            "GET",
            "/api/v1/datasets",
            list_datasets,
            "Lists datasets, in the order in which they were made.",
            _TAG,
            response_schema=training_schemas.DATASETS,
            query=(SKIP, LIMIT),
        ),
        Route(
            "GET",
            "/api/v1/models",
            list_models,
            "Lists the installed models.",
            _TAG,
            response_schema=schemas.MODELS,
        ),
        Route(
            "GET",
            "/api/v1/gpu",
            get_gpus,
            "Tells what the graphics processors do now.",
            _TAG,
            response_schema=schemas.GPUS,
        ),
        Route(
            "GET",
            "/api/v1/metrics/loss",
            get_losses,
            "Tells how the loss of a training run fell.",
            _TAG,
            response_schema=training_schemas.LOSSES,
            query=(EXPERIMENT, STEPS),
        ),
        Route(
            "GET",
            "/api/v1/training/models",
            list_trainable_models,
            "Lists the models that can be trained here.",
            _TAG,
            response_schema=training_schemas.TRAINABLE,
        ),
        Route(
            "GET",
            "/api/v1/training/templates",
            list_templates,
            "Lists the ways to train.",
            _TAG,
            response_schema=training_schemas.TEMPLATES,
        ),
        Route(
            "POST",
            "/api/v1/training/submit",
            submit,
            "Submits a training run.",
            _TAG,
            training_schemas.SUBMISSION,
            training_schemas.RUN,
        ),
        Route(
            "GET",
            "/api/v1/inference/models",
            list_inference_models,
            "Lists the models that write texts.",
            _TAG,
            response_schema=schemas.INFERENCE_MODELS,
        ),
        Route(
            "POST",
            "/api/v1/inference/generate",
            generate,
            "Answers a prompt.",
            _TAG,
            schemas.GENERATE_REQUEST,
            schemas.GENERATED,
        ),
        Route(
            "GET",
            "/api/v1/settings/system",
            get_system,
            "Tells what the server is and can.",
            _TAG,
            response_schema=schemas.SYSTEM,
        ),
        Route(
            "GET",
            "/api/v1/settings/storage",
            get_storage,
            "Tells of the disk and its settings; needs an admin.",
            _TAG,
            response_schema=schemas.STORAGE,
        ),
    ),
)
