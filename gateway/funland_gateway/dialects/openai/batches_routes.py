"""The part of the `openai` dialect's table below `/v1/batches`, and its bodies' JSON Schemas."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Route
from funland_gateway.dialects.openai.batches import (
    ANCHOR,
    STATES,
    cancel_batch,
    create_batch,
    list_batches,
    retrieve_batch,
)
from funland_gateway.dialects.openai.lines import ENDPOINTS
from funland_gateway.dialects.openai.paging import AFTER, LIMIT
from funland_gateway.dialects.openai.responses_schemas import NOTHING
from funland_gateway.dialects.openai.schemas import METADATA, list_of
from funland_gateway.dialects.schemas import (
    INTEGER,
    STRING,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_TAG: Final = "openai"

_MOMENT: Final = nullable(described(INTEGER, "Seconds since 1970."))

_REQUEST: Final = body_with(
    {
        "input_file_id": described(STRING, "The file of requests; see `/v1/files`."),
        "endpoint": described(STRING, f"What each line asks: {', '.join(ENDPOINTS)}."),
        "completion_window": described(
            STRING, "How long it may take: a number and one of s, m, h, d, such as 24h."
        ),
        "metadata": described(METADATA, "What is kept with it."),
        "output_expires_after": described(
            object_with(
                {"anchor": one_of_values(ANCHOR), "seconds": {**INTEGER, "minimum": 1}},
                ("anchor", "seconds"),
            ),
            "For how long its output and its errors are kept.",
        ),
    },
    ("input_file_id", "endpoint", "completion_window"),
)

_BATCH: Final = object_with(
    {
        "id": STRING,
        "object": one_of_values("batch"),
        "endpoint": STRING,
        "model": nullable(described(STRING, "The model of all lines.")),
        "errors": nullable(
            object_with(
                {
                    "object": one_of_values("list"),
                    "data": array_of(
                        object_with(
                            {
                                "code": STRING,
                                "line": nullable(INTEGER),
                                "message": STRING,
                                "param": nullable(STRING),
                            },
                            ("code", "message"),
                        )
                    ),
                },
                ("object", "data"),
            )
        ),
        "input_file_id": STRING,
        "completion_window": STRING,
        "status": one_of_values(*STATES.values()),
        "output_file_id": nullable(STRING),
        "error_file_id": nullable(STRING),
        "created_at": described(INTEGER, "Seconds since 1970."),
        "in_progress_at": _MOMENT,
        "expires_at": _MOMENT,
        "finalizing_at": _MOMENT,
        "cancelling_at": _MOMENT,
        "completed_at": _MOMENT,
        "failed_at": _MOMENT,
        "expired_at": _MOMENT,
        "cancelled_at": _MOMENT,
        "request_counts": object_with(
            {"total": INTEGER, "completed": INTEGER, "failed": INTEGER},
            ("total", "completed", "failed"),
        ),
        "usage": nullable({"type": "object"}),
        "metadata": nullable(METADATA),
    },
    ("id", "object", "endpoint", "input_file_id", "completion_window", "status", "created_at"),
)

BATCH_ROUTES: Final = (
    Route(
        "POST",
        "/v1/batches",
        create_batch,
        "Answers the requests of a file in the background.",
        _TAG,
        _REQUEST,
        _BATCH,
    ),
    Route(
        "GET",
        "/v1/batches",
        list_batches,
        "Lists batches, the newest first.",
        _TAG,
        response_schema=list_of(_BATCH),
        query=(AFTER, LIMIT),
    ),
    Route(
        "GET",
        "/v1/batches/{batch_id}",
        retrieve_batch,
        "Gets a batch as it is now.",
        _TAG,
        response_schema=_BATCH,
    ),
    Route(
        "POST",
        "/v1/batches/{batch_id}/cancel",
        cancel_batch,
        "Ends a batch; what is answered stays answered.",
        _TAG,
        NOTHING,
        _BATCH,
    ),
)
