"""JSON Schemas of the `hellovm` dialect's chats."""

from __future__ import annotations

from typing import Final

from funland.v1.sessions_pb2 import CreateSessionRequest
from funland_gateway.dialects.hellovm.answers import done_schema
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.sampling import EVERY_PARAMETER, sampling_schemas
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_FIELDS: Final = CreateSessionRequest.DESCRIPTOR.fields_by_name
_TAGS: Final = field_schema(_FIELDS["tags"])
_METADATA: Final = described(
    {
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": 64},
        "additionalProperties": {"maxLength": 512},
    },
    "Kept: texts as they are, all else as JSON, at most 16 of 512 characters.",
)

CREATE_REQUEST: Final = body_with(
    {
        "model_id": described(
            {**field_schema(_FIELDS["model"]), "minLength": 1}, "A model's id on its hub, or here."
        ),
        "device_id": described(
            any_of(one_of_values(""), field_schema(_FIELDS["device_ids"])["items"]),
            "Where the model is loaded, unless it is in memory.",
        ),
        "config": body_with(
            {
                **sampling_schemas(EVERY_PARAMETER),
                "system_prompt": described(STRING, "What the model is told first."),
            }
        ),
        "metadata": {
            **_METADATA,
            "properties": {
                "title": nullable(field_schema(_FIELDS["title"])),
                "tags": nullable(any_of(_TAGS["items"], _TAGS)),
            },
        },
    },
    ("model_id",),
)

CREATED: Final = done_schema(
    object_with(
        {
            "session_id": STRING,
            "model_id": STRING,
            "device_id": nullable(STRING),
            "status": STRING,
            "created_at": TIME,
            "config": object_with(
                {
                    "temperature": nullable(NUMBER),
                    "top_p": nullable(NUMBER),
                    "top_k": nullable(INTEGER),
                    "max_tokens": nullable(INTEGER),
                    "system_prompt": nullable(STRING),
                }
            ),
            "message_count": INTEGER,
            "ws_url": STRING,
        }
    )
)

SEND_REQUEST: Final = body_with(
    {
        "message": {**STRING, "minLength": 1},
        "stream": described(BOOLEAN, "Whether the answer is told while it is written."),
        "metadata": _METADATA,
    },
    ("message",),
)

ANSWERED: Final = done_schema(
    object_with(
        {
            "message_id": STRING,
            "session_id": STRING,
            "role": STRING,
            "content": STRING,
            "tokens": nullable(INTEGER),
            "inference_time": nullable(NUMBER),
            "device_used": nullable(STRING),
            "timestamp": TIME,
            "dropped_message_ids": described(
                array_of(STRING), "What the model was not told, since all did not fit; if any."
            ),
        }
    )
)
