"""JSON Schemas of the `scheduler` dialect's bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.prompts import PROMPT_SCHEMAS
from funland_gateway.dialects.sampling import sampling_schemas
from funland_gateway.dialects.scheduler.answers import SECONDS, done_schema
from funland_gateway.dialects.scheduler.generation import DEFAULT_MAX_TOKENS, PARAMETERS
from funland_gateway.dialects.scheduler.lanes import QUEUES, WORKERS
from funland_gateway.dialects.scheduler.system import ONLINE
from funland_gateway.dialects.scheduler.tasks import KINDS
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)
from funland_gateway.dialects.states import STATE_WORDS

_SAMPLING: Final = sampling_schemas(PARAMETERS)
_STREAM: Final = described(BOOLEAN, "Answer as `llm/generate/stream` does.", default=False)
_NO_STREAM: Final = described(
    {"type": "boolean", "const": False}, "A task has no stream.", default=False
)
_STATUS: Final = one_of_values(*STATE_WORDS)
_MILLISECONDS: Final = described(INTEGER, "What was computed, without what it waited before.")
_PERCENT: Final = described(nullable(NUMBER), "In percent. Null: not known.")


def _request(stream: JsonSchema | None) -> JsonSchema:
    parameters = {
        **_SAMPLING,
        "max_tokens": {**_SAMPLING["max_tokens"], "default": DEFAULT_MAX_TOKENS},
        **({"stream": stream} if stream else {}),
    }
    model = described(
        {**STRING, "maxLength": 256}, "A model's id, alias or source. Empty: the default one."
    )
    return body_with(
        {**PROMPT_SCHEMAS, "model": model, "parameters": body_with(parameters)}, ("prompt",)
    )


GENERATE_REQUEST: Final = _request(_STREAM)
ASYNC_REQUEST: Final = _request(_NO_STREAM)
STREAM_REQUEST: Final = _request(None)

_THINKING: Final = described(
    STRING, "What the model thought before its answer, if it is one that tells."
)
_TEXT: Final = object_with(
    {
        "text": STRING,
        "thinking": _THINKING,
        "tokens": INTEGER,
        "model": STRING,
        "execution_time_ms": _MILLISECONDS,
    }
)

GENERATED: Final = done_schema(_TEXT)

STREAM_EVENT: Final = object_with(
    {
        "text": STRING,
        "thinking": _THINKING,
        "token_count": described(INTEGER, "All tokens so far."),
        "finished": BOOLEAN,
        "execution_time_ms": described(INTEGER, "In the last event."),
    },
    ("text", "token_count", "finished"),
)

SHORT: Final[Mapping[str, JsonSchema]] = {
    "task_id": STRING, "status": _STATUS, "message": STRING,
}  # fmt: skip
"""What is told of a task that was submitted, or cancelled."""

SUBMITTED: Final = done_schema(object_with(SHORT), begins=True)

CANCELLED: Final = done_schema(object_with(SHORT))

FAILURE: Final = object_with({"code": INTEGER, "message": STRING, "reason": STRING})
"""Why a task failed."""

TASK: Final = done_schema(
    object_with(
        {
            "task_id": STRING,
            "type": one_of_values(*KINDS),
            "status": _STATUS,
            "created_at": nullable(SECONDS),
            "started_at": nullable(SECONDS),
            "completed_at": described(nullable(SECONDS), "When it ended, however that was."),
            "progress": described(nullable(INTEGER), "From 0 to 100. Null: not known."),
            "result": any_of(_TEXT, {"type": "object"}),
            "error": FAILURE,
        }
    )
)

_COMPONENT: Final = nullable(one_of_values(ONLINE))

HEALTH: Final = done_schema(
    object_with(
        {
            "status": one_of_values("healthy", "stopping"),
            "version": nullable(STRING),
            "uptime": described(nullable(INTEGER), "Seconds."),
            "components": object_with(
                {**dict.fromkeys(WORKERS, _COMPONENT), "api_server": _COMPONENT}
            ),
        }
    )
)

_COUNT: Final = described(nullable(INTEGER), "Null: there is no such queue.")
_QUEUE: Final = object_with({"size": _COUNT, "capacity": _COUNT, "running": _COUNT})

STATUS: Final = done_schema(
    object_with(
        {
            "version": STRING,
            "uptime": described(INTEGER, "Seconds."),
            "config": object_with(
                {"workers_enabled": object_with(dict.fromkeys(WORKERS, BOOLEAN))}
            ),
            "resources": object_with(
                {
                    "cpu_usage": _PERCENT,
                    "memory_usage": _PERCENT,
                    "gpu_usage": _PERCENT,
                    "gpu_memory": described(nullable(STRING), "Such as `4.8GB / 8GB`."),
                }
            ),
            "queues": object_with(dict.fromkeys(QUEUES, _QUEUE)),
        }
    )
)
