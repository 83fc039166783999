"""The `manager` dialect: requests to the contract's messages, and its messages to JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1 import downloads_pb2, hub_pb2
from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland.v1.models_pb2 import Origin
from funland.v1.system_pb2 import GetStatusRequest, Health, SystemStatus
from funland_gateway.dialects.manager.errors import ENVELOPE, error_body
from funland_gateway.dialects.manager.routes import MANAGER
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.asked import NOW, TOLD_NOW, asked, call, refused, told
from tests.gateway.dialects.hub_messages import (
    BARE_MODEL,
    COMPLETED,
    DOWNLOADING,
    FAILED,
    FULL_MODEL,
    QUEUED,
)

ROUTES = {(route.method, route.path): route for route in MANAGER.routes}
SEARCH = ROUTES["GET", "/api/models/search"]
INFO = ROUTES["GET", "/api/models/{model_id}/info"]
CATEGORIES = ROUTES["GET", "/api/models/categories"]
TRENDING = ROUTES["GET", "/api/models/trending"]
STATS = ROUTES["GET", "/api/models/stats"]
FAVORITE = ROUTES["POST", "/api/models/{model_id}/favorite"]
NO_FAVORITE = ROUTES["DELETE", "/api/models/{model_id}/favorite"]
SYNC = ROUTES["POST", "/api/models/sync"]
START = ROUTES["POST", "/api/downloads/start"]
LIST = ROUTES["GET", "/api/downloads/list"]
QUEUE = ROUTES["GET", "/api/downloads/queue"]
STORAGE = ROUTES["GET", "/api/downloads/storage"]

MODEL = {"model_id": "a/b"}
TASK = {"task_id": "dl-1"}
MORE = "a page is left"


@pytest.mark.parametrize(
    ("route", "incoming", "message"),
    [
        (SEARCH, asked(), hub_pb2.SearchHubModelsRequest(page_size=20)),
        (
            SEARCH,
            asked(query="qwen", source="ollama", model_type="chat", page="3", page_size="10"),
            hub_pb2.SearchHubModelsRequest(
                query="qwen", hub=Origin.OLLAMA, model_type="chat", page_size=10, skip=20
            ),
        ),
        (INFO, asked(path=MODEL), hub_pb2.GetHubModelRequest(model_id="a/b")),
        (
            INFO,
            asked(path=MODEL, source="modelscope"),
            hub_pb2.GetHubModelRequest(model_id="a/b", hub=Origin.MODELSCOPE),
        ),
        (CATEGORIES, asked(), hub_pb2.ListHubCategoriesRequest()),
        (
            TRENDING,
            asked(source="huggingface"),
            hub_pb2.ListTrendingModelsRequest(hub=Origin.HUGGINGFACE, limit=10),
        ),
        (TRENDING, asked(limit="50"), hub_pb2.ListTrendingModelsRequest(limit=50)),
        (STATS, asked(), hub_pb2.GetHubStatisticsRequest()),
        (FAVORITE, asked(path=MODEL), hub_pb2.AddFavoriteRequest(model_id="a/b")),
        (NO_FAVORITE, asked(path=MODEL), hub_pb2.RemoveFavoriteRequest(model_id="a/b")),
        (SYNC, asked(), hub_pb2.SyncHubsRequest()),
        (
            START,
            asked({"model_id": "a/b", "source": "huggingface"}),
            downloads_pb2.StartDownloadRequest(source="a/b", hub=Origin.HUGGINGFACE),
        ),
        (START, asked(dict(MODEL)), downloads_pb2.StartDownloadRequest(source="a/b")),
        (LIST, asked(), downloads_pb2.ListDownloadsRequest(page_size=20)),
        (
            LIST,
            asked(status="pending", page="2", page_size="100"),
            downloads_pb2.ListDownloadsRequest(
                states=[Download.QUEUED, Download.WAITING], page_size=100, skip=100
            ),
        ),
        (QUEUE, asked(), downloads_pb2.GetDownloadQueueRequest()),
        (STORAGE, asked(), downloads_pb2.GetStorageRequest()),
    ],
)  # fmt: skip
def test_a_request_is_the_contracts(route: Any, incoming: Any, message: Message) -> None:
    described = call(route, incoming)

    assert described.message == message
    assert described.rpc.input_type is message.DESCRIPTOR


@pytest.mark.parametrize(
    ("method", "verb", "rpc"),
    [
        ("PUT", "/pause", "PauseDownload"),
        ("PUT", "/resume", "ResumeDownload"),
        ("PUT", "/cancel", "CancelDownload"),
        ("GET", "", "GetDownload"),
        ("DELETE", "", "DeleteDownload"),
    ],
)
def test_a_task_is_named_by_its_path(method: str, verb: str, rpc: str) -> None:
    described = call(ROUTES[method, "/api/downloads/{task_id}" + verb], asked(path=TASK))

    assert described.rpc.name == rpc
    assert described.message == type(described.message)(download_id="dl-1")
    assert described.field_name("download_id") == "task_id"


@pytest.mark.parametrize("route", [SEARCH, INFO, CATEGORIES, TRENDING, FAVORITE, NO_FAVORITE])
def test_a_source_that_is_none_has_its_code(route: Any) -> None:
    error = refused(route, asked(path=MODEL, source="github"))

    assert error_body(error, NOW)["error"] == "INVALID_SOURCE"
    assert "huggingface, ollama, modelscope" in error.message


@pytest.mark.parametrize(
    ("route", "incoming", "field"),
    [
        (START, asked({"model_id": "a/b", "source": "github"}), "source"),
        (START, asked({"source": "ollama"}), "model_id"),
        (START, asked({"model_id": 7}), "model_id"),
        (SEARCH, asked(page="0"), "page"),
        (SEARCH, asked(page="102", page_size="100"), "page"),
        (SEARCH, asked(page_size="101"), "page_size"),
        (TRENDING, asked(limit="51"), "limit"),
        (LIST, asked(status="done"), "status"),
        (LIST, asked(page_size="101"), "page_size"),
    ],
)
def test_a_wrong_request_names_its_field(route: Any, incoming: Any, field: str) -> None:
    error = refused(route, incoming)

    assert [violation.field for violation in error.field_violations] == [field]


@pytest.mark.parametrize(
    ("route", "field", "name"),
    [
        (SEARCH, "skip", "page"),
        (SEARCH, "query", "query"),
        (INFO, "hub", "source"),
        (START, "source", "model_id"),
        (START, "hub", "source"),
        (LIST, "skip", "page"),
        (LIST, "states", "status"),
    ],
)
def test_what_the_server_finds_wrong_has_this_apis_names(route: Any, field: str, name: str) -> None:
    described = call(route, asked(dict(MODEL), MODEL))

    assert described.field_name(field) == name


def test_models_are_told_in_pages() -> None:
    found = hub_pb2.SearchHubModelsResponse(
        models=[FULL_MODEL, BARE_MODEL],
        next_page_token=MORE,
        total_size=41,
    )

    body = told(call(SEARCH, asked(page="2")), found)

    assert body == {
        "success": True,
        "message": "Success",
        "code": 200,
        "timestamp": TOLD_NOW,
        "data": {
            "items": [
                {
                    "id": "qwen/Qwen-7B-Chat",
                    "name": "Qwen 7B Chat",
                    "description": "A model.",
                    "model_type": "text-generation",
                    "source": "modelscope",
                    "parameters": "7B",
                    "downloads": 1_250_000,
                    "likes": 12,
                    "tags": ["chat"],
                    "is_favorite": True,
                    "is_downloaded": True,
                },
                {
                    "id": "qwen2.5:0.5b",
                    "name": "qwen2.5:0.5b",
                    "description": None,
                    "model_type": None,
                    "source": "ollama",
                    "parameters": None,
                    "downloads": None,
                    "likes": None,
                    "tags": [],
                    "is_favorite": False,
                    "is_downloaded": False,
                },
            ],
            "pagination": {
                "page": 2,
                "page_size": 20,
                "total": 41,
                "total_pages": 3,
                "has_next": True,
                "has_prev": True,
            },
        },
    }


def test_a_total_that_no_hub_tells_is_null() -> None:
    body = told(call(SEARCH, asked()), hub_pb2.SearchHubModelsResponse())

    assert body["data"]["pagination"] == {
        "page": 1,
        "page_size": 20,
        "total": None,
        "total_pages": None,
        "has_next": False,
        "has_prev": False,
    }


def test_a_model_is_told() -> None:
    data = told(call(INFO, asked(path=MODEL)), FULL_MODEL)["data"]

    assert data["size_gb"] == 20.0
    assert data["created_at"] == "2023-08-01T00:00:00Z"
    assert data["updated_at"] == "2024-11-01T00:00:00Z"
    bare = told(call(INFO, asked(path=MODEL)), BARE_MODEL)["data"]
    assert [bare[name] for name in ("size_gb", "created_at", "updated_at")] == [None] * 3


def test_kinds_ranking_and_statistics_are_told() -> None:
    kinds = [hub_pb2.HubCategory(name="text-generation", models=3)]
    hubs = [hub_pb2.HubInfo(hub=Origin.OLLAMA, catalog_models=3)]
    statistics = hub_pb2.HubStatistics(
        models=3, downloads=9, favorites=1, installed=2, hubs=hubs, categories=kinds
    )
    trending = hub_pb2.ListTrendingModelsResponse(models=[BARE_MODEL])

    categories = told(
        call(CATEGORIES, asked()), hub_pb2.ListHubCategoriesResponse(categories=kinds)
    )
    ranking = told(call(TRENDING, asked()), trending)
    stats = told(call(STATS, asked()), statistics)

    assert categories["data"] == {"categories": [{"name": "text-generation", "count": 3}]}
    assert [item["id"] for item in ranking["data"]["items"]] == ["qwen2.5:0.5b"]
    assert stats["data"] == {
        "total_models": 3,
        "total_downloads": 9,
        "favorites": 1,
        "installed": 2,
        "sources": [{"source": "ollama", "models": 3, "synced_at": None}],
        "categories": [{"name": "text-generation", "count": 3}],
    }


def test_favorites_are_told() -> None:
    favorite = hub_pb2.Favorite(model=FULL_MODEL, create_time=Timestamp(seconds=NOW))

    added = told(call(FAVORITE, asked(path=MODEL)), favorite)
    removed = told(call(NO_FAVORITE, asked(path=MODEL)), Empty())

    assert added["data"] == {
        "model_id": "qwen/Qwen-7B-Chat",
        "source": "modelscope",
        "is_favorite": True,
        "created_at": TOLD_NOW,
    }
    assert removed["data"] == {"model_id": "a/b", "is_favorite": False}


def failed(hub: Origin.Hub.ValueType) -> hub_pb2.SyncHubsEvent:
    error = Error(code="UNAVAILABLE", reason=ErrorReason.HUB_UNREACHABLE, message="Away.")
    return hub_pb2.SyncHubsEvent(failure=hub_pb2.HubFailure(hub=hub, error=error))


def finished(*hubs: Origin.Hub.ValueType) -> hub_pb2.SyncHubsEvent:
    infos = [hub_pb2.HubInfo(hub=hub, catalog_models=5) for hub in hubs]
    return hub_pb2.SyncHubsEvent(
        finish=hub_pb2.SyncHubsResult(hubs=infos, models=5 * len(hubs), added=1)
    )


def test_a_sync_answers_when_it_is_done() -> None:
    progress = hub_pb2.SyncHubsEvent(progress=hub_pb2.HubSync(hub=Origin.MODELSCOPE, models=1))
    events = [progress, failed(Origin.OLLAMA), finished(Origin.MODELSCOPE)]

    data = told(call(SYNC, asked()), events)["data"]

    assert data == {
        "models": 5,
        "added": 1,
        "sources": [{"source": "modelscope", "models": 5, "synced_at": None}],
        "failures": [{"source": "ollama", "error": "HUB_UNREACHABLE", "message": "Away."}],
    }


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([failed(Origin.OLLAMA), finished()], ErrorReason.HUB_UNREACHABLE),
        ([failed(Origin.OLLAMA)], ErrorReason.INTERNAL_ERROR),
        ([], ErrorReason.INTERNAL_ERROR),
    ],
)
def test_a_sync_that_brings_nothing_fails(events: list[Any], reason: ErrorReason.ValueType) -> None:
    with pytest.raises(CallFailed) as caught:
        call(SYNC, asked()).answer(events)

    assert caught.value.error.reason == reason


@pytest.mark.parametrize(
    ("origin", "model_id"),
    [
        (Origin(hub=Origin.OLLAMA, model_id="qwen2.5", variant="0.5b"), "qwen2.5:0.5b"),
        (Origin(hub=Origin.OLLAMA, model_id="qwen2.5", variant="latest"), "qwen2.5"),
        (Origin(hub=Origin.HUGGINGFACE, model_id="a/b", variant="Q8_0"), "a/b"),
        (Origin(), "asked:for"),
    ],
)
def test_a_task_names_its_model_as_the_search_does(origin: Origin, model_id: str) -> None:
    download = Download(source="asked:for", origin=origin)

    assert told(call(START, asked(dict(MODEL))), download)["data"]["task"]["model_id"] == model_id


def test_a_start_answers_the_task() -> None:
    body = told(call(START, asked(dict(MODEL))), QUEUED)

    assert body["message"] == body["data"]["message"] == "Download task created"
    assert body["data"]["task"] == {
        "id": "dl-2",
        "model_id": "hf.co/a/b",
        "source": None,
        "status": "pending",
        "progress": 0.0,
        "downloaded_size": "0B",
        "total_size": None,
        "speed": "0B/s",
        "eta": None,
        "queue_position": 2,
        "error": None,
        "error_message": None,
        "created_at": "2023-11-14T22:13:10Z",
        "updated_at": "2023-11-14T22:13:10Z",
    }


def test_tasks_are_told_in_pages() -> None:
    found = downloads_pb2.ListDownloadsResponse(
        downloads=[DOWNLOADING, COMPLETED, FAILED], total_size=3
    )

    data = told(call(LIST, asked()), found)["data"]

    first, second, third = data["items"]
    assert first["status"] == "downloading"
    assert first["progress"] == 45.5
    assert (first["downloaded_size"], first["total_size"]) == ("500MB", "1.1GB")
    assert (first["speed"], first["eta"]) == ("10MB/s", "00:01:00")
    assert (second["progress"], second["eta"]) == (100.0, "00:00:00")
    assert (third["error"], third["error_message"]) == ("MODEL_NOT_FOUND", "Gone.")
    assert data["pagination"]["total_pages"] == 1


def test_the_queue_and_the_disk_are_told() -> None:
    queue = downloads_pb2.DownloadQueue(
        queued=[QUEUED],
        active=[DOWNLOADING],
        paused=3,
        completed=4,
        failed=5,
        cancelled=6,
        max_active=2,
        bytes_per_second=10_000_000,
        max_bytes_per_second=20_000_000,
    )
    disk = downloads_pb2.Storage(
        total_bytes=500_000_000_000,
        free_bytes=250_000_000_000,
        models_bytes=4_200_000_000,
        downloads_bytes=500_000_000,
        reserved_bytes=600_000_000,
        models=2,
    )

    queued = told(call(QUEUE, asked()), queue)["data"]
    stored = told(call(STORAGE, asked()), disk)["data"]

    assert [task["id"] for task in queued.pop("active")] == ["dl-1"]
    assert [task["id"] for task in queued.pop("pending")] == ["dl-2"]
    assert queued == {
        "active_count": 1,
        "pending_count": 1,
        "paused_count": 3,
        "completed_count": 4,
        "failed_count": 5,
        "cancelled_count": 6,
        "max_active": 2,
        "speed": "10MB/s",
        "max_speed": "20MB/s",
    }
    assert stored == {
        "total_gb": 500.0,
        "used_gb": 250.0,
        "free_gb": 250.0,
        "usage_percent": 50.0,
        "models": 2,
        "models_gb": 4.2,
        "downloads_gb": 0.5,
        "reserved_gb": 0.6,
    }


@pytest.mark.parametrize(
    ("state", "word", "status"),
    [(Health.SERVING, "healthy", 200), (Health.STOPPING, "stopping", 503)],
)
def test_health_has_the_documents_fields_alone(
    state: Health.State.ValueType, word: str, status: int
) -> None:
    now = SystemStatus(state=state, version="0.1.0")
    health, api = (
        call(ROUTES["GET", "/health"], asked()),
        call(ROUTES["GET", "/api/health"], asked()),
    )

    open_to_all = Health(state=state)

    assert told(health, open_to_all, now) == {
        "status": word,
        "service": "llm-manager-api",
        "version": "0.1.0",
    }
    assert told(api, open_to_all, now) == {
        "status": word,
        "api_version": "v1",
        "service": "llm-manager-api",
    }
    step: Any = health.answer(open_to_all)
    assert step.answer(now).status == status


def test_who_does_not_say_who_they_are_is_told_that_it_lives() -> None:
    closed = Health(state=Health.SERVING, identity_required=True)
    health, api = ROUTES["GET", "/health"], ROUTES["GET", "/api/health"]

    assert told(call(health, asked()), closed) == {
        "status": "healthy", "service": "llm-manager-api", "version": None,
    }  # fmt: skip
    assert told(call(api, asked()), closed)["status"] == "healthy"
    named: Any = call(health, replace(asked(), identified=True)).answer(closed)
    assert named.message == GetStatusRequest()


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Error(code="NOT_FOUND", reason=ErrorReason.HUB_MODEL_NOT_FOUND), "MODEL_NOT_FOUND", 404),
        (Error(code="NOT_FOUND", reason=ErrorReason.DOWNLOAD_NOT_FOUND), "TASK_NOT_FOUND", 404),
        (
            Error(code="FAILED_PRECONDITION", reason=ErrorReason.DOWNLOAD_STATE),
            "INVALID_ACTION",
            409,
        ),
        (
            Error(
                code="INVALID_ARGUMENT",
                reason=ErrorReason.FIELD_INVALID,
                field_violations=[FieldViolation(field="action", description="must be better")],
            ),
            "INVALID_ACTION",
            400,
        ),
        (
            Error(code="RESOURCE_EXHAUSTED", reason=ErrorReason.HUB_RATE_LIMITED),
            "HUB_RATE_LIMITED",
            429,
        ),
    ],
)
def test_a_failure_has_the_documents_body(error: Error, code: str, status: int) -> None:
    error.message = "No."

    assert error_body(error, NOW) == {
        "success": False,
        "message": "No.",
        "error": code,
        "timestamp": TOLD_NOW,
    }
    assert ENVELOPE.status(error) == status
