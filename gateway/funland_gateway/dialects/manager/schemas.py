"""JSON Schemas of the `manager` dialect's bodies."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.manager.answers import done_schema
from funland_gateway.dialects.manager.system import SERVICE
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
from funland_gateway.dialects.sources import HUBS, STATES

_SOURCE = nullable(one_of_values(*HUBS))
_STATUS = one_of_values("healthy", "stopping")


def _page(items: JsonSchema) -> JsonSchema:
    pagination = object_with(
        {
            "page": INTEGER,
            "page_size": INTEGER,
            "total": described(nullable(INTEGER), "Null if a hub does not tell."),
            "total_pages": nullable(INTEGER),
            "has_next": BOOLEAN,
            "has_prev": BOOLEAN,
        }
    )
    return done_schema(object_with({"items": array_of(items), "pagination": pagination}))


_MODEL = {
    "id": STRING,
    "name": STRING,
    "description": nullable(STRING),
    "model_type": nullable(STRING),
    "source": _SOURCE,
    "parameters": described(nullable(STRING), "Such as `7B`."),
    "downloads": nullable(INTEGER),
    "likes": nullable(INTEGER),
    "tags": array_of(STRING),
    "is_favorite": BOOLEAN,
    "is_downloaded": BOOLEAN,
}

_CATEGORIES = array_of(object_with({"name": STRING, "count": INTEGER}))

_HUBS = array_of(object_with({"source": _SOURCE, "models": INTEGER, "synced_at": nullable(TIME)}))

TASK: Final = object_with(
    {
        "id": STRING,
        "model_id": STRING,
        "source": _SOURCE,
        "status": one_of_values(*STATES),
        "progress": described(nullable(NUMBER), "Of 100. Null: the hub has not told the size."),
        "downloaded_size": described(STRING, "Such as `500MB`."),
        "total_size": nullable(STRING),
        "speed": described(STRING, "Such as `10MB/s`."),
        "eta": described(nullable(STRING), "Such as `00:01:00`."),
        "queue_position": described(nullable(INTEGER), "From 1. Null: it is not queued."),
        "error": described(nullable(STRING), "A code: why it failed, waits or was paused."),
        "error_message": nullable(STRING),
        "created_at": nullable(TIME),
        "updated_at": nullable(TIME),
    }
)

HEALTH: Final = object_with(
    {"status": _STATUS, "service": one_of_values(SERVICE), "version": nullable(STRING)}
)
API_HEALTH: Final = object_with(
    {"status": _STATUS, "api_version": one_of_values("v1"), "service": one_of_values(SERVICE)}
)

MODELS: Final = _page(object_with(_MODEL))
MODEL: Final = done_schema(
    object_with(
        {
            **_MODEL,
            "size_gb": described(nullable(NUMBER), "All files, in units of 10^9 bytes."),
            "created_at": nullable(TIME),
            "updated_at": nullable(TIME),
        }
    )
)
CATEGORIES: Final = done_schema(object_with({"categories": _CATEGORIES}))
TRENDING: Final = done_schema(object_with({"items": array_of(object_with(_MODEL))}))
STATISTICS: Final = done_schema(
    object_with(
        {
            "total_models": INTEGER,
            "total_downloads": INTEGER,
            "favorites": INTEGER,
            "installed": INTEGER,
            "sources": _HUBS,
            "categories": _CATEGORIES,
        }
    )
)
FAVORITE: Final = done_schema(
    object_with(
        {
            "model_id": STRING,
            "source": _SOURCE,
            "is_favorite": BOOLEAN,
            "created_at": nullable(TIME),
        }
    )
)
NO_FAVORITE: Final = done_schema(object_with({"model_id": STRING, "is_favorite": BOOLEAN}))
SYNC: Final = done_schema(
    object_with(
        {
            "models": INTEGER,
            "added": INTEGER,
            "sources": _HUBS,
            "failures": array_of(
                object_with({"source": _SOURCE, "error": STRING, "message": STRING})
            ),
        }
    )
)

START_REQUEST: Final = body_with(
    {
        "model_id": described(
            {**STRING, "minLength": 1, "maxLength": 512},
            "`owner/name`, `name:tag` for one of Ollama's; `owner/name:Q4_K_M` names a variant.",
        ),
        "source": described(
            one_of_values("", *HUBS),
            "The hub. Without it, as the id says, or the first that has it.",
        ),
    },
    ("model_id",),
)
STARTED: Final = done_schema(object_with({"task": TASK, "message": STRING}))
ONE_TASK: Final = done_schema(TASK)
DELETED: Final = done_schema(object_with({"id": STRING}))
TASKS: Final = _page(TASK)
QUEUE: Final = done_schema(
    object_with(
        {
            "active": array_of(TASK),
            "pending": array_of(TASK),
            "active_count": INTEGER,
            "pending_count": INTEGER,
            "paused_count": INTEGER,
            "completed_count": INTEGER,
            "failed_count": INTEGER,
            "cancelled_count": INTEGER,
            "max_active": described(INTEGER, "How many may be active at once."),
            "speed": STRING,
            "max_speed": described(nullable(STRING), "Null: no limit."),
        }
    )
)
STORAGE: Final = done_schema(
    object_with(
        {
            "total_gb": NUMBER,
            "used_gb": NUMBER,
            "free_gb": NUMBER,
            "usage_percent": NUMBER,
            "models": described(INTEGER, "How many are installed."),
            "models_gb": NUMBER,
            "downloads_gb": described(NUMBER, "What unfinished downloads take."),
            "reserved_gb": described(NUMBER, "What they are still to take."),
        }
    )
)
