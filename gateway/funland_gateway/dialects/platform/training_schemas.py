"""JSON Schemas of the `platform` dialect's datasets and training."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.platform.datasets import FORMATS, STATUSES
from funland_gateway.dialects.platform.training import HYPERPARAMETERS, INTEGERS, STATES
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_NUMBER = {**INTEGER, "minimum": 1}

DATASETS: Final = object_with(
    {
        "total": INTEGER,
        "datasets": array_of(
            object_with(
                {
                    "id": INTEGER,
                    "dataset_id": described(STRING, "Its id in the native API."),
                    "name": STRING,
                    "description": STRING,
                    "project_id": nullable(INTEGER),
                    "format": nullable(one_of_values(*FORMATS.values())),
                    "size": described(nullable(INTEGER), "In bytes, as it came."),
                    "row_count": nullable(INTEGER),
                    "status": nullable(one_of_values(*STATUSES.values())),
                    "created_at": TIME,
                }
            )
        ),
    }
)

LOSSES: Final = object_with(
    {
        "experiment_id": described(nullable(STRING), "The run's id. Null: none has a step."),
        "experiment_name": nullable(STRING),
        "total_steps": described(INTEGER, "The steps that are done."),
        "metrics": object_with(
            {
                "initial_loss": nullable(NUMBER),
                "final_loss": nullable(NUMBER),
                "best_loss": nullable(NUMBER),
            }
        ),
        "data": array_of(object_with({"step": INTEGER, "loss": NUMBER, "epoch": INTEGER})),
    }
)

TRAINABLE: Final = object_with(
    {
        "models": array_of(
            object_with(
                {
                    "id": STRING,
                    "name": STRING,
                    "provider": nullable(STRING),
                    "size": described(STRING, "How many weights: `7B`."),
                    "type": one_of_values("base"),
                }
            )
        )
    }
)

TEMPLATES: Final = object_with(
    {
        "templates": array_of(
            object_with(
                {
                    "id": STRING,
                    "name": STRING,
                    "description": STRING,
                    "min_gpu_memory": described(
                        nullable(STRING), "`0GB`: it needs none. Null: not known."
                    ),
                    "available": BOOLEAN,
                    "unavailable_reason": nullable(STRING),
                }
            )
        )
    }
)

SUBMISSION: Final = body_with(
    {
        "model_id": {**STRING, "minLength": 1, "maxLength": 256},
        "dataset_id": described(_NUMBER, "As `GET /api/v1/datasets` tells it."),
        "template_id": described({**STRING, "maxLength": 64}, "How.", default="lora"),
        "project_id": _NUMBER,
        "experiment_name": {**STRING, "maxLength": 200},
        "hyperparameters": {
            "type": "object",
            "properties": {
                name: INTEGER if name in INTEGERS else NUMBER for name in HYPERPARAMETERS
            },
            "additionalProperties": False,
        },
    },
    ("model_id", "dataset_id"),
)

RUN: Final = object_with(
    {
        "id": described(INTEGER, "The run's number."),
        "experiment_id": described(STRING, "The run's id."),
        "experiment_name": STRING,
        "task_id": STRING,
        "model_id": STRING,
        "dataset_id": INTEGER,
        "template_id": STRING,
        "project_id": nullable(INTEGER),
        "status": one_of_values(*STATES),
        "created_at": TIME,
    }
)
