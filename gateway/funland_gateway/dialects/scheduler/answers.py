"""What every answer of the `scheduler` dialect is put into."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from funland_gateway.dialects.dialect import Incoming, JsonSchema, Reply, json_reply
from funland_gateway.dialects.schemas import BOOLEAN, INTEGER, STRING, described, object_with

SECONDS: Final = described(INTEGER, "In seconds since 1970.")


def done(
    incoming: Incoming, data: object, *, task_id: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Reply:
    """An answer at the time of the request. `task_id` is of a task that it has begun."""
    begun: dict[str, Any] = {"task_id": task_id} if task_id else {}
    fields = {"ok": status < HTTPStatus.BAD_REQUEST, "data": data, "error": None, **begun}
    return json_reply({**fields, "timestamp": incoming.time}, status)


def done_schema(data: JsonSchema, *, begins: bool = False) -> JsonSchema:
    """The schema of an answer; `begins`: with the id of a task that it has begun."""
    fields: dict[str, JsonSchema] = {"ok": BOOLEAN, "data": data, "error": {"type": "null"}}
    if begins:
        fields["task_id"] = STRING
    return object_with({**fields, "timestamp": described(SECONDS, "When the request came.")})
