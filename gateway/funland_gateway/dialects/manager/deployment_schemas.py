"""JSON Schemas of the `manager` dialect's bodies of deployments, chats and completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.health import HEALTH_WORDS
from funland_gateway.dialects.manager.answering import UNREAD
from funland_gateway.dialects.manager.answers import done_schema
from funland_gateway.dialects.manager.deployed import STATES
from funland_gateway.dialects.manager.deployments import LEAST_CONTEXT, MOST_CONTEXT
from funland_gateway.dialects.openai import schemas as openai
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
from funland_gateway.dialects.sources import FORMATS, HUBS

_SOURCE = nullable(one_of_values(*HUBS))

_DEPLOYMENT: Final = object_with(
    {
        "deployment_id": STRING,
        "model_id": described(STRING, "As whoever deployed it named it."),
        "model_source": _SOURCE,
        "status": one_of_values(*STATES),
        "host": described(nullable(STRING), "Null: nothing answers at the port yet."),
        "port": nullable(INTEGER),
        "gpu_memory_utilization": nullable(NUMBER),
        "max_model_len": nullable(INTEGER),
        "name": nullable(STRING),
        "replicas": INTEGER,
        "endpoint": described(nullable(STRING), "Where OpenAI's API answers for it alone."),
        "endpoint_error": described(nullable(STRING), "Why nothing answers at the port."),
        "download_task_id": described(nullable(STRING), "The task that downloads its model."),
        "error": described(nullable(STRING), "A code: why it can't run."),
        "error_message": nullable(STRING),
        "created_at": nullable(TIME),
        "started_at": nullable(TIME),
        "updated_at": nullable(TIME),
    }
)

START_REQUEST: Final = body_with(
    {
        "model_id": described(
            {**STRING, "minLength": 1, "maxLength": 512},
            "An installed model, or one of a hub, which is downloaded first.",
        ),
        "model_source": described(
            one_of_values("", *HUBS),
            "The hub. Without it, as the id says, or the first that has it.",
        ),
        "port": described(
            {**INTEGER, "minimum": 0, "maximum": 65535},
            "Where OpenAI's API is to answer for it alone; 0: nowhere.",
        ),
        "gpu_memory_utilization": described(
            {**NUMBER, "exclusiveMinimum": 0, "maximum": 1},
            "The part of each GPU's memory that it may take.",
        ),
        "max_model_len": described(
            {**INTEGER, "minimum": LEAST_CONTEXT, "maximum": MOST_CONTEXT},
            "How many tokens a call's prompt and answer may have together.",
        ),
    },
    ("model_id",),
)
ONE: Final = done_schema(_DEPLOYMENT)
ALL: Final = done_schema(object_with({"items": array_of(_DEPLOYMENT), "total": INTEGER}))
DELETED: Final = done_schema(object_with({"deployment_id": STRING}))
LOGS: Final = done_schema(
    object_with(
        {
            "deployment_id": STRING,
            "logs": array_of(
                object_with(
                    {
                        "number": INTEGER,
                        "timestamp": nullable(TIME),
                        "level": STRING,
                        "replica": described(nullable(INTEGER), "Null: the server wrote it."),
                        "message": STRING,
                    }
                )
            ),
        }
    )
)
HEALTH: Final = done_schema(
    object_with(
        {
            "deployment_id": STRING,
            "status": one_of_values(*HEALTH_WORDS),
            "message": described(nullable(STRING), "What is wrong."),
            "answering": described(INTEGER, "How many of its processes answered."),
            "replicas": INTEGER,
            "latency_ms": described(nullable(NUMBER), "Of the slowest."),
        }
    )
)
MODEL_INFO: Final = done_schema(
    object_with(
        {
            "deployment_id": STRING,
            "id": described(STRING, "On its hub."),
            "model_id": described(STRING, "Here."),
            "name": STRING,
            "description": nullable(STRING),
            "source": _SOURCE,
            "parameters": described(nullable(STRING), "Such as `7B`."),
            "size_gb": NUMBER,
            "format": nullable(one_of_values(*FORMATS)),
            "quantization": nullable(STRING),
            "architecture": nullable(STRING),
            "max_model_len": described(nullable(INTEGER), "Null: it does not run."),
            "engine": described(nullable(STRING), "Null: it does not run."),
            "served_model_names": array_of(STRING),
            "supports_chat": BOOLEAN,
        }
    )
)


def _without_names(request: JsonSchema) -> JsonSchema:
    """OpenAI's request without what the path says and what is not read."""
    fields = cast("Mapping[str, Any]", request["properties"])
    kept = {name: schema for name, schema in fields.items() if name not in UNREAD}
    required = [name for name in request.get("required", ()) if name not in UNREAD]
    return {**request, "properties": kept, "required": required}


CHAT_REQUEST: Final = _without_names(openai.CHAT_REQUEST)
CHAT: Final = done_schema(openai.CHAT_RESPONSE)
COMPLETION_REQUEST: Final = _without_names(openai.COMPLETION_REQUEST)
COMPLETION: Final = done_schema(openai.COMPLETION_RESPONSE)
