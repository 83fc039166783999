"""JSON Schemas of the `platform` dialect's bodies."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.platform.accounts import GRANT_TYPES
from funland_gateway.dialects.platform.inference import DEFAULT_MAX_TOKENS
from funland_gateway.dialects.platform.projects import STATUSES
from funland_gateway.dialects.platform.tasks import STATES
from funland_gateway.dialects.prompts import PROMPT_SCHEMAS
from funland_gateway.dialects.sampling import EVERY_PARAMETER, sampling_schemas
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
from funland_gateway.dialects.states import UNKNOWN

GPUS: Final = object_with(
    {
        "total_gpus": INTEGER,
        "total_memory_mb": described(
            nullable(INTEGER), "In units of 2^20 bytes. Null: not known of all."
        ),
        "used_memory_mb": nullable(INTEGER),
        "avg_utilization": described(nullable(NUMBER), "Of those that tell it. Null: none does."),
        "metrics": array_of(
            object_with(
                {
                    "gpu_id": described(nullable(INTEGER), "As in `gpu_0`."),
                    "name": nullable(STRING),
                    "total_memory_mb": nullable(INTEGER),
                    "used_memory_mb": nullable(INTEGER),
                    "utilization_percent": nullable(NUMBER),
                    "temperature_c": nullable(NUMBER),
                    "power_watts": nullable(NUMBER),
                }
            )
        ),
    }
)

TOKEN_REQUEST: Final = body_with(
    {
        "grant_type": described(
            one_of_values(*GRANT_TYPES), "What is given.", default=GRANT_TYPES[0]
        ),
        "username": described(STRING, "With `password`."),
        "password": STRING,
        "refresh_token": described(STRING, "Of the last answer; it counts once."),
    }
)

TOKEN: Final = object_with(
    {
        "access_token": STRING,
        "token_type": STRING,
        "expires_in": described(INTEGER, "In seconds."),
        "refresh_token": STRING,
        "scope": described(STRING, "What the token allows, parted by spaces."),
    }
)

ME: Final = object_with(
    {
        "id": INTEGER,
        "username": STRING,
        "email": nullable(STRING),
        "is_active": BOOLEAN,
        "created_at": TIME,
        "role": STRING,
        "scopes": described(array_of(STRING), "What the call's token or key allows."),
    }
)

PROJECT_REQUEST: Final = body_with(
    {
        "name": {**STRING, "minLength": 1, "maxLength": 200},
        "description": {**STRING, "maxLength": 4000},
    },
    ("name",),
)

PROJECT_CHANGE: Final = body_with(
    {
        "name": {**STRING, "minLength": 1, "maxLength": 200},
        "description": {**STRING, "maxLength": 4000},
        "status": one_of_values(*STATUSES),
    }
)

PROJECT: Final = object_with(
    {
        "id": INTEGER,
        "project_id": described(STRING, "Its id in the native API."),
        "name": STRING,
        "description": STRING,
        "owner_id": described(nullable(INTEGER), "A user's number. Null: nobody's."),
        "status": nullable(one_of_values(*STATUSES)),
        "created_at": TIME,
    }
)

PROJECTS: Final = object_with({"total": INTEGER, "projects": array_of(PROJECT)})

TASKS: Final = object_with(
    {
        "total": INTEGER,
        "tasks": array_of(
            object_with(
                {
                    "id": described(INTEGER, "When it came, in microseconds since 1970."),
                    "task_id": described(STRING, "Its id everywhere else."),
                    "name": STRING,
                    "type": STRING,
                    "project_id": described(nullable(INTEGER), "Of a training run."),
                    "status": one_of_values(*STATES, UNKNOWN),
                    "progress": nullable(NUMBER),
                    "created_at": TIME,
                }
            )
        ),
    }
)

_STATUS: Final = nullable(one_of_values("ready", "loading", "failed"))

MODELS: Final = object_with(
    {
        "total": INTEGER,
        "models": array_of(
            object_with(
                {
                    "id": described(INTEGER, "A number that is made of `model_id`."),
                    "model_id": STRING,
                    "name": STRING,
                    "base_model": nullable(STRING),
                    "framework": nullable(STRING),
                    "size": STRING,
                    "status": _STATUS,
                    "metrics": object_with(
                        {
                            "final_loss": described(nullable(NUMBER), "Of its last training here."),
                            "bleu_score": described(nullable(NUMBER), "Always null."),
                        }
                    ),
                }
            )
        ),
    }
)

INFERENCE_MODELS: Final = object_with(
    {
        "models": array_of(
            object_with(
                {
                    "id": STRING,
                    "name": STRING,
                    "provider": nullable(STRING),
                    "size": described(nullable(STRING), "How many weights: `7B`."),
                    "status": _STATUS,
                }
            )
        )
    }
)

_SAMPLING = sampling_schemas(EVERY_PARAMETER)

GENERATE_REQUEST: Final = body_with(
    {
        **PROMPT_SCHEMAS,
        "model_id": described({**STRING, "maxLength": 256}, "Left out: the default model."),
        **_SAMPLING,
        "max_tokens": {**_SAMPLING["max_tokens"], "default": DEFAULT_MAX_TOKENS},
    },
    ("prompt",),
)

GENERATED: Final = object_with(
    {
        "id": STRING,
        "model": STRING,
        "prompt": STRING,
        "output": STRING,
        "thinking": described(STRING, "What the model thought before, if it is one that tells."),
        "usage": object_with(
            {"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "total_tokens": INTEGER}
        ),
        "latency_ms": NUMBER,
        "finish_reason": one_of_values("stop", "length"),
    }
)

SYSTEM: Final = object_with(
    {
        "site_name": STRING,
        "site_description": STRING,
        "version": STRING,
        "language": STRING,
        "theme": nullable(STRING),
        "features": object_with(
            {
                "gpu_monitoring": BOOLEAN,
                "distributed_training": BOOLEAN,
                "model_registry": BOOLEAN,
                "inference_service": BOOLEAN,
            }
        ),
    }
)

STORAGE: Final = object_with(
    {
        "max_dataset_size_gb": nullable(NUMBER),
        "max_model_size_gb": nullable(NUMBER),
        "default_storage_path": nullable(STRING),
        "used_storage_gb": NUMBER,
        "total_storage_gb": NUMBER,
    }
)
