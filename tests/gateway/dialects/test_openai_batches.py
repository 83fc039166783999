"""OpenAI's batches, read and written."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from openai.types import Batch as OpenAIBatch

from funland.v1.batches_pb2 import (
    Batch,
    BatchError,
    CancelBatchRequest,
    CreateBatchRequest,
    GetBatchRequest,
    ListBatchesRequest,
    ListBatchesResponse,
)
from funland_gateway.dialects.dialect import Route
from funland_gateway.dialects.openai.batches import STATES
from funland_gateway.dialects.openai.batches_routes import BATCH_ROUTES
from tests.gateway.dialects.asked import NOW, asked, call, refused, told

CREATE, LIST, GET, CANCEL = BATCH_ROUTES
BODY = {
    "input_file_id": "file-1",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
}


def moment(seconds: int) -> Timestamp:
    return Timestamp(seconds=seconds)


def batch(state: Batch.State.ValueType, **rest: Any) -> Batch:
    return Batch(
        batch_id="batch_1",
        endpoint="/v1/embeddings",
        input_file_id="file-1",
        state=state,
        window_seconds=86400,
        create_time=moment(NOW),
        **rest,
    )


def shown(made: Batch) -> dict[str, Any]:
    """What is answered, which the official client's type takes strictly."""
    answer = told(call(GET, asked(path={"batch_id": "batch_1"})), made)
    OpenAIBatch.model_validate(answer, strict=True)
    return answer


def test_a_request_for_a_batch_is_read() -> None:
    body = {
        **BODY,
        "metadata": {"run": "7"},
        "output_expires_after": {"anchor": "created_at", "seconds": 3600},
    }

    assert call(CREATE, asked(body)).message == CreateBatchRequest(
        input_file_id="file-1",
        endpoint="/v1/chat/completions",
        window_seconds=86400,
        output_retention_seconds=3600,
        metadata={"run": "7"},
    )


@pytest.mark.parametrize(
    ("window", "seconds", "word"),
    [("24h", 86400, "24h"), ("1d", 86400, "24h"), ("90m", 5400, "90m"), ("7s", 7, "7s")],
)
def test_a_window_is_a_number_and_a_unit(window: str, seconds: int, word: str) -> None:
    made = call(CREATE, asked({**BODY, "completion_window": window}))

    assert made.message == CreateBatchRequest(
        input_file_id="file-1", endpoint="/v1/chat/completions", window_seconds=seconds
    )
    answer = told(made, Batch(state=Batch.VALIDATING, window_seconds=seconds))
    assert answer["completion_window"] == word


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input_file_id": None}, "input_file_id"),
        ({"endpoint": None}, "endpoint"),
        ({"completion_window": None}, "completion_window"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": "0h"}, "completion_window"),
        ({"output_expires_after": {"anchor": "now", "seconds": 1}}, "output_expires_after.anchor"),
        ({"output_expires_after": {"anchor": "created_at"}}, "output_expires_after.seconds"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 0}},
            "output_expires_after.seconds",
        ),
        ({"metadata": {"a": 1}}, "metadata.a"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(body: dict[str, Any], param: str) -> None:
    error = refused(CREATE, asked({**BODY, **body}))

    assert [each.field for each in error.field_violations] == [param]


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("window_seconds", "completion_window"),
        ("output_retention_seconds", "output_expires_after.seconds"),
        ("metadata", "metadata"),
    ],
)
def test_the_servers_fields_are_told_by_openais_names(path: str, ours: str) -> None:
    assert call(CREATE, asked(BODY)).field_name(path) == ours


@pytest.mark.parametrize(("state", "word"), STATES.items())
def test_each_state_has_openais_word(state: Batch.State.ValueType, word: str) -> None:
    assert shown(batch(state))["status"] == word


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (Batch.COMPLETED, "completed_at"),
        (Batch.FAILED, "failed_at"),
        (Batch.EXPIRED, "expired_at"),
        (Batch.CANCELLED, "cancelled_at"),
    ],
)
def test_the_end_stands_under_the_name_of_its_kind_alone(
    state: Batch.State.ValueType, name: str
) -> None:
    answer = shown(batch(state, end_time=moment(NOW + 9)))

    ends = ("completed_at", "failed_at", "expired_at", "cancelled_at")
    assert {each: answer[each] for each in ends if answer[each] is not None} == {name: NOW + 9}


def test_a_batch_that_has_begun_tells_counts_and_tokens() -> None:
    answer = shown(
        batch(
            Batch.IN_PROGRESS,
            model="tiny",
            begin_time=moment(NOW + 1),
            total_lines=10,
            completed_lines=4,
            failed_lines=1,
            prompt_tokens=40,
            cached_prompt_tokens=8,
            completion_tokens=20,
            reasoning_tokens=2,
            metadata={"run": "7"},
        )
    )

    assert answer["request_counts"] == {"total": 10, "completed": 4, "failed": 1}
    assert answer["usage"] == {
        "input_tokens": 40,
        "input_tokens_details": {"cached_tokens": 8},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 60,
    }
    assert (answer["model"], answer["metadata"]) == ("tiny", {"run": "7"})
    assert answer["in_progress_at"] == NOW + 1


def test_what_is_not_known_yet_is_null() -> None:
    answer = shown(batch(Batch.VALIDATING))

    assert {name for name, value in answer.items() if value is None} == {
        "model", "errors", "output_file_id", "error_file_id", "in_progress_at", "expires_at",
        "finalizing_at", "cancelling_at", "completed_at", "failed_at", "expired_at",
        "cancelled_at", "usage", "metadata",
    }  # fmt: skip


def test_errors_of_a_file_have_code_line_and_property() -> None:
    told_errors = [
        BatchError(code="url_mismatch", line=3, message="url is another.", param="url"),
        BatchError(code="empty_file", message="The file has no requests."),
    ]

    assert shown(batch(Batch.FAILED, errors=told_errors))["errors"] == {
        "object": "list",
        "data": [
            {"code": "url_mismatch", "line": 3, "message": "url is another.", "param": "url"},
            {
                "code": "empty_file",
                "line": None,
                "message": "The file has no requests.",
                "param": None,
            },
        ],
    }


def test_a_page_is_asked_for_and_told() -> None:
    listing = call(LIST, asked(None, None, after="batch_9", limit="2"))

    assert listing.message == ListBatchesRequest(page_size=2, page_token="batch_9")  # noqa: S106 - an id
    found = ListBatchesResponse(batches=[batch(Batch.COMPLETED)], next_page_token="batch_1")  # noqa: S106 - an id
    page = told(listing, found)
    assert (page["object"], page["first_id"], page["last_id"]) == ("list", "batch_1", "batch_1")
    assert page["has_more"] is True
    assert listing.field_name("page_token") == "after"


@pytest.mark.parametrize(
    ("route", "message"),
    [
        (GET, GetBatchRequest(batch_id="batch_1")),
        (CANCEL, CancelBatchRequest(batch_id="batch_1")),
    ],
)
def test_one_is_asked_for_by_its_id(route: Route, message: Any) -> None:
    assert call(route, asked(path={"batch_id": "batch_1"})).message == message
