"""JSON Schemas of the `hellovm` dialect's bodies."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.hellovm.answers import done_schema
from funland_gateway.dialects.hellovm.downloads import ACTIONS, PRIORITIES, STORE
from funland_gateway.dialects.hellovm.models import NOT_TOLD
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
from funland_gateway.dialects.sources import FORMATS, STATES

_STATUS = one_of_values(*STATES)
_SCORES = dict.fromkeys(NOT_TOLD, nullable(NUMBER))

_PROGRESS = object_with(
    {
        "percent": described(nullable(NUMBER), "Null: the hub has not told the size."),
        "downloaded_bytes": INTEGER,
        "total_bytes": nullable(INTEGER),
        "speed": described(INTEGER, "Bytes a second."),
        "eta": described(nullable(INTEGER), "Seconds. Null: not known."),
    }
)

_TIMES = {"start_time": nullable(TIME), "estimated_completion": nullable(TIME)}

_MODEL = {
    "id": STRING,
    "name": STRING,
    "description": nullable(STRING),
    "size": described(nullable(STRING), "Such as `4.2GB`."),
    "format": nullable(one_of_values(*FORMATS)),
    "quantization": nullable(STRING),
    "context_length": nullable(INTEGER),
    "tags": array_of(STRING),
    "downloads": nullable(INTEGER),
    "rating": described(nullable(NUMBER), "Null: no hub tells one."),
    "last_updated": nullable(TIME),
    "download_url": nullable(STRING),
    "checksum": described(nullable(STRING), "`sha256:` and 64 hexadecimal digits."),
    "is_downloaded": BOOLEAN,
    "local_path": described(nullable(STRING), "Null: the server keeps that to itself."),
}

_FILE = object_with(
    {
        "name": STRING,
        "size": nullable(INTEGER),
        "checksum": nullable(STRING),
        "download_url": nullable(STRING),
    }
)

MODELS: Final = done_schema(
    object_with(
        {
            "models": array_of(object_with(_MODEL)),
            "total": described(nullable(INTEGER), "Null: the hub does not tell."),
            "page": INTEGER,
            "page_size": INTEGER,
            "has_next": BOOLEAN,
        }
    )
)

MODEL: Final = done_schema(
    object_with(
        {
            **_MODEL,
            "full_description": nullable(STRING),
            "architecture": nullable(STRING),
            "parameters": described(nullable(STRING), "Such as `7B`."),
            "training_data": nullable(STRING),
            "license": nullable(STRING),
            "capabilities": array_of(STRING),
            "supported_languages": array_of(STRING),
            "performance_metrics": object_with(_SCORES),
            "reviews": nullable(INTEGER),
            "created_at": nullable(TIME),
            "files": array_of(_FILE),
            "download_progress": nullable(_PROGRESS),
        }
    )
)

DOWNLOAD_REQUEST: Final = body_with(
    {
        "model_id": {**STRING, "maxLength": 512, "pattern": r"^[^/\s]+/[^/\s]+$"},
        "format": one_of_values("", *FORMATS),
        "quantization": described(
            {**STRING, "maxLength": 256}, "Such as `q4_k_m`. Without it, the best for this machine."
        ),
        "download_path": described(
            one_of_values("", STORE), "The server's own store, and nothing else."
        ),
        "options": body_with(
            {
                "max_threads": {**INTEGER, "minimum": 1, "maximum": 16},
                "resume_download": {"type": "boolean", "const": True},
                "verify_checksum": {"type": "boolean", "const": True},
                "priority": one_of_values("", *PRIORITIES),
            }
        ),
    },
    ("model_id",),
)

STARTED: Final = done_schema(
    object_with(
        {
            "download_id": STRING,
            "model_id": STRING,
            "status": _STATUS,
            "progress": _PROGRESS,
            "threads": INTEGER,
            **_TIMES,
        }
    )
)

DOWNLOADS: Final = done_schema(
    object_with(
        {
            "downloads": array_of(
                object_with(
                    {
                        "id": STRING,
                        "model_id": STRING,
                        "model_name": STRING,
                        "filename": nullable(STRING),
                        "status": _STATUS,
                        "progress": _PROGRESS,
                        "threads": INTEGER,
                        "active_connections": INTEGER,
                        "max_connections": INTEGER,
                        "resumable": described(nullable(BOOLEAN), "Null: not known yet."),
                        **_TIMES,
                        "completion_time": nullable(TIME),
                        "checksum_verified": BOOLEAN,
                        "error": nullable(STRING),
                        "error_message": nullable(STRING),
                    }
                )
            ),
            "summary": object_with(
                {
                    "total_downloads": INTEGER,
                    "active_downloads": INTEGER,
                    "completed_downloads": INTEGER,
                    "failed_downloads": INTEGER,
                    "total_speed": INTEGER,
                    "total_downloaded": INTEGER,
                }
            ),
        }
    )
)

CONTROL_REQUEST: Final = body_with(
    {"action": one_of_values(*ACTIONS), "reason": STRING}, ("action",)
)

CONTROLLED: Final = done_schema(
    object_with(
        {
            "download_id": STRING,
            "status": _STATUS,
            "action": one_of_values(*ACTIONS),
            "timestamp": TIME,
        }
    )
)
