"""`/v1/batches`: OpenAI's batches as `BatchService`."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.batches_pb2 import (
    Batch,
    CancelBatchRequest,
    CreateBatchRequest,
    GetBatchRequest,
    ListBatchesRequest,
    ListBatchesResponse,
)
from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.paging import AFTER, LIMIT, page
from funland_gateway.dialects.openai.parameters import read_metadata
from funland_gateway.dialects.reading import JsonObject, invalid, missing
from funland_gateway.dialects.rpcs import CANCEL_BATCH, CREATE_BATCH, GET_BATCH, LIST_BATCHES

STATES: Final = {
    Batch.VALIDATING: "validating",
    Batch.IN_PROGRESS: "in_progress",
    Batch.FINALIZING: "finalizing",
    Batch.COMPLETED: "completed",
    Batch.FAILED: "failed",
    Batch.EXPIRED: "expired",
    Batch.CANCELLING: "cancelling",
    Batch.CANCELLED: "cancelled",
}
"""OpenAI's words for where a batch stands."""

ANCHOR: Final = "created_at"
"""From when on outputs are kept for so long: OpenAI has no other."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_ENDS: Final = {
    Batch.COMPLETED: "completed_at",
    Batch.FAILED: "failed_at",
    Batch.EXPIRED: "expired_at",
    Batch.CANCELLED: "cancelled_at",
}
_NAMES: Final = {
    "window_seconds": "completion_window",
    "output_retention_seconds": "output_expires_after.seconds",
    "page_token": AFTER.name,
    "page_size": LIMIT.name,
}


def create_batch(incoming: Incoming) -> Unary:
    """Reads a request for a batch."""
    body = incoming.body
    request = CreateBatchRequest(
        input_file_id=body.string("input_file_id"),
        endpoint=body.string("endpoint"),
        window_seconds=_window(body),
        output_retention_seconds=_retention(body),
        metadata=read_metadata(body),
    )
    blames: Blames = {
        ErrorReason.FILE_NOT_FOUND: "input_file_id",
        ErrorReason.FILE_ELSEWHERE: "input_file_id",
    }
    return Unary(CREATE_BATCH, request, _answer, partial(renamed, names=_NAMES), blames)


def retrieve_batch(incoming: Incoming) -> Unary:
    """Asks for a batch."""
    return Unary(GET_BATCH, GetBatchRequest(batch_id=incoming.path["batch_id"]), _answer)


def cancel_batch(incoming: Incoming) -> Unary:
    """Asks for a batch to be ended."""
    return Unary(CANCEL_BATCH, CancelBatchRequest(batch_id=incoming.path["batch_id"]), _answer)


def list_batches(incoming: Incoming) -> Unary:
    """Asks for a page of them, the newest first."""
    request = ListBatchesRequest(
        page_size=LIMIT.of(incoming.query), page_token=AFTER.of(incoming.query)
    )

    def answer(found: ListBatchesResponse) -> Reply:
        batches = [batch_object(batch) for batch in found.batches]
        return json_reply(page(batches, bool(found.next_page_token)))

    return Unary(LIST_BATCHES, request, answer, partial(renamed, names=_NAMES))


def batch_object(batch: Batch) -> dict[str, Any]:
    """A batch as OpenAI has it."""
    return {
        "id": batch.batch_id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model or None,
        "errors": _errors(batch),
        "input_file_id": batch.input_file_id,
        "completion_window": _word(batch.window_seconds),
        "status": STATES[batch.state],
        "output_file_id": batch.output_file_id or None,
        "error_file_id": batch.error_file_id or None,
        "created_at": batch.create_time.seconds,
        "in_progress_at": _moment(batch, "begin_time"),
        "expires_at": _moment(batch, "expire_time"),
        "finalizing_at": _moment(batch, "finalize_time"),
        "cancelling_at": _moment(batch, "cancel_time"),
        **{
            name: _moment(batch, "end_time") if batch.state == state else None
            for state, name in _ENDS.items()
        },
        "request_counts": {
            "total": batch.total_lines,
            "completed": batch.completed_lines,
            "failed": batch.failed_lines,
        },
        "usage": _usage(batch) if batch.HasField("begin_time") else None,
        "metadata": dict(batch.metadata) or None,
    }


def _answer(batch: Batch) -> Reply:
    return json_reply(batch_object(batch))


def _errors(batch: Batch) -> dict[str, Any] | None:
    if not batch.errors:
        return None
    return {
        "object": "list",
        "data": [
            {
                "code": error.code,
                "line": error.line if error.HasField("line") else None,
                "message": error.message,
                "param": error.param or None,
            }
            for error in batch.errors
        ],
    }


def _usage(batch: Batch) -> dict[str, Any]:
    return {
        "input_tokens": batch.prompt_tokens,
        "input_tokens_details": {"cached_tokens": batch.cached_prompt_tokens},
        "output_tokens": batch.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": batch.reasoning_tokens},
        "total_tokens": batch.prompt_tokens + batch.completion_tokens,
    }


def _window(body: JsonObject) -> int:
    """Its seconds. OpenAI has `24h` alone."""
    name = "completion_window"
    found = _WINDOW.fullmatch(body.string(name))
    if found is None:
        raise invalid(body.path_of(name), "must be a number and one of s, m, h, d, such as 24h")
    return int(found[1]) * _UNITS[found[2]]


def _word(seconds: int) -> str:
    """The same, in OpenAI's way."""
    unit = next(unit for unit in "hms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def _retention(body: JsonObject) -> int:
    """For how many seconds outputs are kept; 0: as long as the server does by itself."""
    wanted = body.object("output_expires_after")
    if wanted is None:
        return 0
    if wanted.string("anchor") != ANCHOR:
        raise invalid(wanted.path_of("anchor"), f"must be {ANCHOR}")
    seconds = wanted.integer("seconds", 64)
    if seconds is None:
        raise missing(wanted.path_of("seconds"))
    if seconds < 1:
        raise invalid(wanted.path_of("seconds"), "must be at least 1")
    return seconds


def _moment(batch: Batch, name: str) -> int | None:
    if not batch.HasField(name):  # type: ignore[arg-type]  # one of the message's fields
        return None
    moment: Timestamp = getattr(batch, name)
    return moment.seconds
