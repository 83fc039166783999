"""What every answer of the `hellovm` dialect is put into."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from funland_gateway.dialects.dialect import Incoming, JsonSchema, Reply, json_reply
from funland_gateway.dialects.reading import invalid
from funland_gateway.dialects.schemas import INTEGER, STRING, TIME, described, object_with
from funland_gateway.dialects.times import utc

_MODEL_ID: Final = re.compile(r"[^/\s]+/[^/\s]+")


def done(incoming: Incoming, data: object, message: str = "Success") -> Reply:
    """A success at the time of the request."""
    return json_reply(
        {
            "code": HTTPStatus.OK,
            "message": message,
            "data": data,
            "timestamp": utc(incoming.time),
            "request_id": incoming.request_id,
        }
    )


def done_schema(data: JsonSchema) -> JsonSchema:
    """The schema of a success."""
    return object_with(
        {
            "code": INTEGER,
            "message": STRING,
            "data": data,
            "timestamp": described(TIME, "When the request came."),
            "request_id": described(STRING, "As in the header `x-request-id`."),
        }
    )


def checked_id(model_id: str) -> str:
    """A model's id on ModelScope; raises `CallFailed` for what can't be one."""
    if not _MODEL_ID.fullmatch(model_id):
        raise invalid("model_id", "Model ID must be in format 'owner/model-name'")
    return model_id
