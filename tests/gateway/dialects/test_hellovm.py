"""The `hellovm` dialect: requests to the contract's messages, and its messages to JSON."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from funland.v1 import downloads_pb2, hub_pb2
from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland.v1.models_pb2 import Model, Origin
from funland_gateway.dialects.hellovm.errors import ENVELOPE, error_body
from funland_gateway.dialects.hellovm.routes import HELLOVM
from tests.gateway.dialects.asked import NOW, TOLD_NOW, asked, call, refused, told
from tests.gateway.dialects.hub_messages import (
    BARE_MODEL,
    COMPLETED,
    DOWNLOADING,
    FAILED,
    FULL_MODEL,
    QUEUED,
)

ROUTES = {(route.method, route.path): route for route in HELLOVM.routes}
SEARCH = ROUTES["GET", "/api/v1/models/search"]
DETAILS = ROUTES["GET", "/api/v1/models/{model_id}"]
START = ROUTES["POST", "/api/v1/models/download"]
LIST = ROUTES["GET", "/api/v1/downloads"]
CONTROL = ROUTES["POST", "/api/v1/downloads/{download_id}/control"]
MODEL = {"model_id": "qwen/Qwen-7B-Chat"}
TASK = {"download_id": "dl-1"}
STARTED = downloads_pb2.StartDownloadRequest(source="qwen/Qwen-7B-Chat", hub=Origin.MODELSCOPE)


def start_request(**fields: Any) -> downloads_pb2.StartDownloadRequest:
    request = downloads_pb2.StartDownloadRequest(**fields)
    request.MergeFrom(STARTED)
    return request


MORE = "a page is left"


@pytest.mark.parametrize(
    ("route", "incoming", "message"),
    [
        (
            SEARCH,
            asked(query="qwen"),
            hub_pb2.SearchHubModelsRequest(
                query="qwen", hub=Origin.MODELSCOPE, page_size=20, with_files=True
            ),
        ),
        (
            SEARCH,
            asked(query="qwen", format="GGUF", quantization="q4_k_m", limit="5", offset="10"),
            hub_pb2.SearchHubModelsRequest(
                query="qwen",
                hub=Origin.MODELSCOPE,
                format=Model.GGUF,
                quantization="q4_k_m",
                page_size=5,
                skip=10,
                with_files=True,
            ),
        ),
        (
            DETAILS,
            asked(path=MODEL),
            hub_pb2.GetHubModelRequest(hub=Origin.MODELSCOPE, model_id="qwen/Qwen-7B-Chat"),
        ),
        (START, asked(dict(MODEL)), STARTED),
        (
            START,
            asked(
                {
                    **MODEL,
                    "format": "gguf",
                    "quantization": "q4_k_m",
                    "download_path": "/models",
                    "options": {
                        "max_threads": 8,
                        "resume_download": True,
                        "verify_checksum": True,
                        "priority": "high",
                    },
                }
            ),
            start_request(
                format=Model.GGUF, variant="q4_k_m", max_connections=8, priority=Download.HIGH
            ),
        ),
        (LIST, asked(), downloads_pb2.ListDownloadsRequest(page_size=100)),
        (
            LIST,
            asked(status="downloading", model_id="a/b", limit="7"),
            downloads_pb2.ListDownloadsRequest(
                states=[Download.DOWNLOADING, Download.INSTALLING], model="a/b", page_size=7
            ),
        ),
        (
            CONTROL,
            asked({"action": "pause", "reason": "User requested pause"}, TASK),
            downloads_pb2.PauseDownloadRequest(download_id="dl-1"),
        ),
        (
            CONTROL,
            asked({"action": "resume"}, TASK),
            downloads_pb2.ResumeDownloadRequest(download_id="dl-1"),
        ),
        (
            CONTROL,
            asked({"action": "cancel"}, TASK),
            downloads_pb2.CancelDownloadRequest(download_id="dl-1"),
        ),
        (
            CONTROL,
            asked({"action": "retry"}, TASK),
            downloads_pb2.RetryDownloadRequest(download_id="dl-1"),
        ),
    ],
)
def test_a_request_is_the_contracts(route: Any, incoming: Any, message: Message) -> None:
    described = call(route, incoming)

    assert described.message == message
    assert described.rpc.input_type is message.DESCRIPTOR


@pytest.mark.parametrize(
    ("route", "incoming", "status", "field"),
    [
        (SEARCH, asked(), 400, "query"),
        (SEARCH, asked(query=" "), 400, "query"),
        (SEARCH, asked(query="a", format="ggml"), 400, "format"),
        (SEARCH, asked(query="a", format="pytorch"), 400, "format"),
        (SEARCH, asked(query="a", format="zip"), 400, "format"),
        (SEARCH, asked(query="a", limit="101"), 400, "limit"),
        (SEARCH, asked(query="a", offset="-1"), 400, "offset"),
        (DETAILS, asked(path={"model_id": "qwen"}), 400, "model_id"),
        (DETAILS, asked(path={"model_id": "a/b/c"}), 400, "model_id"),
        (START, asked({}), 400, "model_id"),
        (START, asked({"model_id": "qwen"}), 400, "model_id"),
        (START, asked({"model_id": 7}), 422, "model_id"),
        (START, asked({**MODEL, "download_path": "/etc"}), 400, "download_path"),
        (START, asked({**MODEL, "options": []}), 422, "options"),
        (START, asked({**MODEL, "options": {"priority": "a"}}), 400, "options.priority"),
        (START, asked({**MODEL, "options": {"max_threads": "8"}}), 422, "options.max_threads"),
        (
            START,
            asked({**MODEL, "options": {"verify_checksum": False}}),
            400,
            "options.verify_checksum",
        ),
        (
            START,
            asked({**MODEL, "options": {"resume_download": False}}),
            400,
            "options.resume_download",
        ),
        (LIST, asked(status="done"), 400, "status"),
        (LIST, asked(limit="0"), 400, "limit"),
        (CONTROL, asked({}, TASK), 400, "action"),
        (CONTROL, asked({"action": "stop"}, TASK), 400, "action"),
        (CONTROL, asked({"action": "pause", "reason": 7}, TASK), 422, "reason"),
    ],
)
def test_a_wrong_request_names_its_field(
    route: Any, incoming: Any, status: int, field: str
) -> None:
    body = error_body(refused(route, incoming), NOW)

    assert (body["code"], list(body["error"]["field_errors"])) == (status, [field])
    assert body["error"]["type"] == "validation_error"


def test_an_action_that_is_none_is_told_the_four() -> None:
    body = error_body(refused(CONTROL, asked({"action": "stop"}, TASK)), NOW)

    assert body["error"]["field_errors"]["action"] == "must be one of pause, resume, cancel, retry"


@pytest.mark.parametrize(
    ("route", "field", "name"),
    [
        (SEARCH, "skip", "offset"),
        (SEARCH, "page_size", "limit"),
        (SEARCH, "quantization", "quantization"),
        (START, "source", "model_id"),
        (START, "variant", "quantization"),
        (START, "max_connections", "options.max_threads"),
        (START, "priority", "options.priority"),
        (LIST, "model", "model_id"),
        (LIST, "page_size", "limit"),
        (CONTROL, "download_id", "download_id"),
    ],
)
def test_what_the_server_finds_wrong_has_this_apis_names(route: Any, field: str, name: str) -> None:
    described = call(route, asked({**MODEL, "action": "pause"}, TASK, query="a"))

    assert described.field_name(field) == name


FOUND = {
    "id": "qwen/Qwen-7B-Chat",
    "name": "Qwen 7B Chat",
    "description": "A model.",
    "size": "8GB",
    "format": "gguf",
    "quantization": "q8_0",
    "context_length": 32768,
    "tags": ["chat"],
    "downloads": 1_250_000,
    "rating": None,
    "last_updated": "2024-11-01T00:00:00Z",
    "download_url": "https://hub/q8",
    "checksum": "sha256:" + "8" * 64,
    "is_downloaded": True,
    "local_path": None,
}


def test_models_are_told_with_the_best_variant() -> None:
    found = hub_pb2.SearchHubModelsResponse(
        models=[FULL_MODEL, BARE_MODEL],
        next_page_token=MORE,
        total_size=41,
    )

    body = told(call(SEARCH, asked(query="qwen", limit="10", offset="20")), found)

    first, second = body["data"].pop("models")
    assert body == {
        "code": 200,
        "message": "Success",
        "timestamp": TOLD_NOW,
        "request_id": "req-1",
        "data": {"total": 41, "page": 3, "page_size": 10, "has_next": True},
    }
    assert first == FOUND
    known = {name: value for name, value in second.items() if value is not None}
    assert known == {
        "id": "qwen2.5:0.5b",
        "name": "qwen2.5:0.5b",
        "tags": [],
        "is_downloaded": False,
    }
    assert set(second) == set(first)


def test_the_variant_that_was_asked_for_is_told() -> None:
    found = hub_pb2.SearchHubModelsResponse(models=[FULL_MODEL])

    (model,) = told(call(SEARCH, asked(query="q", quantization="Q4_k_m")), found)["data"]["models"]

    assert (model["size"], model["quantization"]) == ("4.2GB", "q4_k_m")
    assert (model["download_url"], model["checksum"]) == ("https://hub/q4", "sha256:" + "4" * 64)


def test_a_total_that_the_hub_does_not_tell_is_null() -> None:
    body = told(call(SEARCH, asked(query="q")), hub_pb2.SearchHubModelsResponse())

    assert (body["data"]["total"], body["data"]["has_next"]) == (None, False)


def test_a_model_is_told_and_how_far_its_download_is() -> None:
    downloads = downloads_pb2.ListDownloadsResponse(downloads=[DOWNLOADING])

    data = told(call(DETAILS, asked(path=MODEL)), FULL_MODEL, downloads)["data"]

    files = data.pop("files")
    assert data == {
        **FOUND,
        "full_description": "# Qwen",
        "architecture": "qwen2",
        "parameters": "7B",
        "training_data": None,
        "license": "apache-2.0",
        "capabilities": ["text_generation"],
        "supported_languages": ["zh", "en"],
        "performance_metrics": {
            "reasoning_score": None,
            "knowledge_score": None,
            "coding_score": None,
            "math_score": None,
        },
        "reviews": None,
        "created_at": "2023-08-01T00:00:00Z",
        "download_progress": {
            "percent": 45.5,
            "downloaded_bytes": 500_000_000,
            "total_bytes": 1_100_000_000,
            "speed": 10_000_000,
            "eta": 60,
        },
    }
    assert files[0] == {
        "name": "README.md",
        "size": 12345,
        "checksum": None,
        "download_url": None,
    }
    assert files[2] == {
        "name": "a-q4_k_m.gguf",
        "size": 4_200_000_000,
        "checksum": "sha256:" + "4" * 64,
        "download_url": "https://hub/q4",
    }
    assert files[3]["size"] is None


def test_only_a_download_that_goes_on_is_looked_for() -> None:
    second: Any = call(DETAILS, asked(path=MODEL)).answer(FULL_MODEL)

    ended = {Download.COMPLETED, Download.FAILED, Download.CANCELLED}
    assert second.message.model == "qwen/Qwen-7B-Chat"
    assert set(second.message.states) == set(Download.State.values()) - ended - {0}
    body = told(second, downloads_pb2.ListDownloadsResponse())
    assert body["data"]["download_progress"] is None


def test_a_start_answers_the_download() -> None:
    body = told(call(START, asked(dict(MODEL))), DOWNLOADING)

    assert body["message"] == "Download started successfully"
    assert body["data"] == {
        "download_id": "dl-1",
        "model_id": "qwen/Qwen-7B-Chat",
        "status": "downloading",
        "progress": {
            "percent": 45.5,
            "downloaded_bytes": 500_000_000,
            "total_bytes": 1_100_000_000,
            "speed": 10_000_000,
            "eta": 60,
        },
        "threads": 16,
        "start_time": "2023-11-14T22:13:15Z",
        "estimated_completion": "2023-11-14T22:14:20Z",
    }


def test_downloads_are_told_with_their_sum() -> None:
    found = downloads_pb2.ListDownloadsResponse(downloads=[DOWNLOADING, QUEUED, COMPLETED, FAILED])
    queue = downloads_pb2.DownloadQueue(
        queued=[QUEUED],
        active=[DOWNLOADING],
        paused=3,
        completed=4,
        failed=5,
        cancelled=6,
        bytes_per_second=10_000_000.4,
        downloaded_bytes=500_000_007,
    )

    data = told(call(LIST, asked()), found, queue)["data"]

    assert data["summary"] == {
        "total_downloads": 20,
        "active_downloads": 1,
        "completed_downloads": 4,
        "failed_downloads": 5,
        "total_speed": 10_000_000,
        "total_downloaded": 500_000_007,
    }
    first, second, third, fourth = data["downloads"]
    assert set(first) == set(second) == set(third) == set(fourth)
    assert first["filename"] == "a-q4_k_m.gguf"
    assert first["model_name"] == "Qwen-7B-Chat"
    assert (first["active_connections"], first["max_connections"], first["resumable"]) == (
        6,
        16,
        True,
    )
    assert (second["status"], second["filename"], second["resumable"]) == ("pending", None, None)
    assert third["progress"]["eta"] == 0
    assert third["completion_time"] == "2023-11-14T22:13:19Z"
    assert third["checksum_verified"] is True
    assert (fourth["error"], fourth["error_message"]) == ("HUB_MODEL_NOT_FOUND", "Gone.")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("pause", "Download paused successfully"),
        ("resume", "Download resumed successfully"),
        ("cancel", "Download cancelled successfully"),
        ("retry", "Download restarted successfully"),
    ],
)
def test_a_control_answers_what_became_of_it(action: str, message: str) -> None:
    body = told(call(CONTROL, asked({"action": action}, TASK)), DOWNLOADING)

    assert body["message"] == message
    assert body["data"] == {
        "download_id": "dl-1",
        "status": "downloading",
        "action": action,
        "timestamp": TOLD_NOW,
    }


def error(code: str, reason: ErrorReason.ValueType, **metadata: str) -> Error:
    return Error(code=code, reason=reason, message="No.", metadata=metadata, request_id="req-1")


@pytest.mark.parametrize(
    ("failed", "status", "kind", "message"),
    [
        (error("INVALID_ARGUMENT", ErrorReason.FIELD_INVALID), 400, "validation_error",
         "Invalid request parameters"),
        (error("UNAUTHENTICATED", ErrorReason.ERROR_REASON_UNSPECIFIED), 401, "unauthorized",
         "Unauthorized"),
        (error("PERMISSION_DENIED", ErrorReason.HUB_ACCESS_DENIED), 403, "forbidden",
         "Insufficient permissions"),
        (error("NOT_FOUND", ErrorReason.ROUTE_NOT_FOUND), 404, "not_found", "Resource not found"),
        (error("FAILED_PRECONDITION", ErrorReason.DOWNLOAD_STATE), 409, "conflict",
         "Resource conflict"),
        (error("ALREADY_EXISTS", ErrorReason.MODEL_EXISTS), 409, "conflict", "Resource conflict"),
        (error("INVALID_ARGUMENT", ErrorReason.BODY_MALFORMED), 422, "validation_error",
         "Invalid request body format"),
        (error("RESOURCE_EXHAUSTED", ErrorReason.HUB_RATE_LIMITED), 429, "rate_limit_exceeded",
         "Rate limit exceeded"),
        (error("INTERNAL", ErrorReason.INTERNAL_ERROR), 500, "internal_error",
         "Internal server error"),
        (error("UNAVAILABLE", ErrorReason.HUB_UNREACHABLE), 503, "service_unavailable",
         "Service unavailable"),
        (error("FAILED_PRECONDITION", ErrorReason.OFFLINE), 503, "service_unavailable",
         "Service unavailable"),
        (error("RESOURCE_EXHAUSTED", ErrorReason.STORAGE_FULL), 503, "service_unavailable",
         "Service unavailable"),
        (error("DEADLINE_EXCEEDED", ErrorReason.DEADLINE_PASSED), 503, "service_unavailable",
         "Service unavailable"),
        (error("UNIMPLEMENTED", ErrorReason.METHOD_NOT_ALLOWED), 405, "method_not_allowed",
         "Method Not Allowed"),
    ],
)  # fmt: skip
def test_a_failure_has_the_documents_body(
    failed: Error, status: int, kind: str, message: str
) -> None:
    assert ENVELOPE.status(failed) == status
    body = error_body(failed, NOW)
    told = body.pop("error")
    assert body == {
        "code": status,
        "message": message,
        "timestamp": TOLD_NOW,
        "request_id": "req-1",
    }
    assert (told["type"], told["details"]) == (kind, "No.")


def test_a_failure_names_its_fields() -> None:
    wrong = error("INVALID_ARGUMENT", ErrorReason.FIELD_INVALID)
    wrong.field_violations.append(FieldViolation(field="limit", description="must be less"))

    assert error_body(wrong, NOW)["error"]["field_errors"] == {"limit": "must be less"}


@pytest.mark.parametrize(
    ("reason", "key", "resource"),
    [
        (ErrorReason.HUB_MODEL_NOT_FOUND, "model", "model"),
        (ErrorReason.DOWNLOAD_NOT_FOUND, "download_id", "download"),
    ],
)
def test_a_failure_names_what_is_not_there(
    reason: ErrorReason.ValueType, key: str, resource: str
) -> None:
    told = error_body(error("NOT_FOUND", reason, **{key: "ghost"}), NOW)["error"]

    assert (told["resource"], told["resource_id"]) == (resource, "ghost")


def test_a_defect_has_an_id_to_ask_with() -> None:
    told = error_body(error("INTERNAL", ErrorReason.INTERNAL_ERROR, error_id="e1"), NOW)["error"]

    assert told["error_id"] == "e1"
    assert told["support_reference"].endswith("e1")
