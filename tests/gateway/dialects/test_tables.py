"""The dialects' tables hold what their documents list."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.app import spoken
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.hellovm.routes import HELLOVM
from funland_gateway.dialects.inference.routes import INFERENCE
from funland_gateway.dialects.manager.routes import MANAGER
from funland_gateway.dialects.ollama.routes import OLLAMA
from funland_gateway.dialects.openai.routes import OPENAI
from funland_gateway.dialects.platform.routes import PLATFORM
from funland_gateway.dialects.scheduler.routes import SCHEDULER
from funland_gateway.dialects.sharing import owners
from funland_gateway.listening import SPOKEN
from funland_gateway.mcp.routes import mcp


def test_openai_has_these_endpoints() -> None:
    assert {(route.method, route.path) for route in OPENAI.documented_routes} == {
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions/{completion_id}"),
        ("POST", "/v1/chat/completions/{completion_id}"),
        ("DELETE", "/v1/chat/completions/{completion_id}"),
        ("GET", "/v1/chat/completions/{completion_id}/messages"),
        ("POST", "/v1/chat/completions/input_tokens"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model}"),
        ("DELETE", "/v1/models/{model}"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/responses/input_tokens"),
        ("GET", "/v1/responses/{response_id}"),
        ("DELETE", "/v1/responses/{response_id}"),
        ("GET", "/v1/responses/{response_id}/input_items"),
        ("POST", "/v1/responses/{response_id}/cancel"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/{file_id}"),
        ("DELETE", "/v1/files/{file_id}"),
        ("GET", "/v1/files/{file_id}/content"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches"),
        ("GET", "/v1/batches/{batch_id}"),
        ("POST", "/v1/batches/{batch_id}/cancel"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/{file_id}"),
        ("DELETE", "/v1/files/{file_id}"),
        ("GET", "/v1/files/{file_id}/content"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/transcriptions"),
        ("POST", "/v1/audio/translations"),
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/images/edits"),
        ("POST", "/v1/images/variations"),
        ("POST", "/v1/rerank"),
        ("POST", "/rerank"),
        ("POST", "/v1/reranking"),
        ("POST", "/reranking"),
        ("POST", "/v2/rerank"),
        ("GET", "/tokenizer_info"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("POST", "/apply-template"),
    }


def test_ollama_has_its_documents_endpoints_and_on_a_port_of_its_own_the_root() -> None:
    assert {(route.method, route.path) for route in OLLAMA.documented_routes} == {
        ("POST", "/api/generate"),
        ("POST", "/api/chat"),
        ("POST", "/api/create"),
        ("HEAD", "/api/blobs/{digest}"),
        ("POST", "/api/blobs/{digest}"),
        ("GET", "/api/tags"),
        ("POST", "/api/show"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/pull"),
        ("POST", "/api/push"),
        ("POST", "/api/embed"),
        ("GET", "/api/ps"),
        ("POST", "/api/embeddings"),
        ("GET", "/api/version"),
    }
    assert [(route.method, route.path) for route in OLLAMA.own_routes] == [("GET", "/")]


def test_inference_has_its_documents_endpoints() -> None:
    assert {(route.method, route.path) for route in INFERENCE.documented_routes} == {
        ("GET", "/health"),
        ("GET", "/api/v1/health"),
        ("POST", "/api/v1/generate"),
        ("POST", "/api/v1/generate/stream"),
        ("GET", "/api/v1/models"),
        ("POST", "/api/v1/models/{model_name}/load"),
        ("GET", "/api/v1/metrics"),
        ("GET", "/metrics"),
        ("POST", "/api/v1/batch/generate"),
    }


def test_hellovm_has_its_documents_endpoints_and_one_for_executions() -> None:
    assert {(route.method, route.path) for route in HELLOVM.documented_routes} == {
        ("GET", "/api/v1/hardware"),
        ("GET", "/api/v1/hardware/{device_id}/metrics"),
        ("POST", "/api/v1/hardware/acceleration"),
        ("GET", "/api/v1/models/search"),
        ("GET", "/api/v1/models/{model_id}"),
        ("POST", "/api/v1/models/download"),
        ("GET", "/api/v1/downloads"),
        ("POST", "/api/v1/downloads/{download_id}/control"),
        ("POST", "/api/v1/chat/sessions"),
        ("POST", "/api/v1/chat/sessions/{session_id}/messages"),
        ("GET", "/api/v1/chat/sessions/{session_id}/stream"),
        ("GET", "/api/v1/plugins"),
        ("POST", "/api/v1/plugins/{plugin_id}/execute"),
        ("GET", "/api/v1/plugins/{plugin_id}/executions/{execution_id}"),
        ("GET", "/api/v1/system/status"),
        ("GET", "/api/v1/system/config"),
    }


def test_manager_has_its_documents_endpoints() -> None:
    assert {(route.method, route.path) for route in MANAGER.documented_routes} == {
        ("GET", "/health"),
        ("GET", "/api/health"),
        ("GET", "/api/system/resources"),
        ("GET", "/api/system/load"),
        ("GET", "/api/system/health"),
        ("GET", "/api/models/search"),
        ("GET", "/api/models/{model_id}/info"),
        ("GET", "/api/models/categories"),
        ("GET", "/api/models/trending"),
        ("GET", "/api/models/stats"),
        ("POST", "/api/models/{model_id}/favorite"),
        ("DELETE", "/api/models/{model_id}/favorite"),
        ("POST", "/api/models/sync"),
        ("POST", "/api/downloads/start"),
        ("PUT", "/api/downloads/{task_id}/pause"),
        ("PUT", "/api/downloads/{task_id}/resume"),
        ("PUT", "/api/downloads/{task_id}/cancel"),
        ("GET", "/api/downloads/{task_id}"),
        ("DELETE", "/api/downloads/{task_id}"),
        ("GET", "/api/downloads/list"),
        ("GET", "/api/downloads/queue"),
        ("GET", "/api/downloads/storage"),
        ("POST", "/api/deployments/start"),
        ("PUT", "/api/deployments/{deployment_id}/stop"),
        ("PUT", "/api/deployments/{deployment_id}/restart"),
        ("GET", "/api/deployments/{deployment_id}"),
        ("DELETE", "/api/deployments/{deployment_id}"),
        ("GET", "/api/deployments/list"),
        ("GET", "/api/deployments/{deployment_id}/logs"),
        ("GET", "/api/deployments/{deployment_id}/health"),
        ("POST", "/api/chat/{deployment_id}"),
        ("POST", "/api/completions/{deployment_id}"),
        ("GET", "/api/deployments/{deployment_id}/model-info"),
        ("GET", "/ws/downloads"),
    }


def test_platform_has_its_documents_endpoints() -> None:
    assert {(route.method, route.path) for route in PLATFORM.documented_routes} == {
        ("POST", "/api/v1/auth/token"),
        ("GET", "/api/v1/auth/me"),
        ("GET", "/api/v1/projects"),
        ("POST", "/api/v1/projects"),
        ("GET", "/api/v1/projects/{id}"),
        ("PUT", "/api/v1/projects/{id}"),
        ("DELETE", "/api/v1/projects/{id}"),
        ("GET", "/api/v1/tasks"),
        ("GET", "/api/v1/datasets"),
        ("GET", "/api/v1/models"),
        ("GET", "/api/v1/gpu"),
        ("GET", "/api/v1/metrics/loss"),
        ("GET", "/api/v1/training/models"),
        ("GET", "/api/v1/training/templates"),
        ("POST", "/api/v1/training/submit"),
        ("GET", "/api/v1/inference/models"),
        ("POST", "/api/v1/inference/generate"),
        ("GET", "/api/v1/settings/system"),
        ("GET", "/api/v1/settings/storage"),
    }


def test_scheduler_has_its_documents_endpoints_and_one_for_files() -> None:
    assert {(route.method, route.path) for route in SCHEDULER.documented_routes} == {
        ("GET", "/api/v1/health"),
        ("GET", "/api/v1/status"),
        ("GET", "/api/v1/tasks/{task_id}"),
        ("DELETE", "/api/v1/tasks/{task_id}"),
        ("POST", "/api/v1/llm/generate"),
        ("POST", "/api/v1/llm/generate/async"),
        ("POST", "/api/v1/llm/generate/stream"),
        ("GET", "/api/v1/tasks/{task_id}/files/{file_id}"),
        ("POST", "/api/v1/tts/generate"),
        ("POST", "/api/v1/tts/generate/async"),
        ("POST", "/api/v1/tts/batch"),
        ("POST", "/api/v1/image/generate"),
        ("GET", "/api/v1/image/result/{task_id}"),
    }


def test_mcp_has_one_endpoint() -> None:
    (route,) = mcp().documented_routes

    assert (route.method, route.path, route.tag) == ("POST", "/mcp", "mcp")


def test_every_dialect_can_have_a_port_of_its_own() -> None:
    assert tuple(dialect.name for dialect in spoken()) == SPOKEN


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/v1/chat/completions", "openai"),
        ("/v1/nothing", "openai"),
        ("/tokenize", "openai"),
        ("/tokenizer", None),
        ("/tokenizer_info", "openai"),
        ("/v2/rerank", "openai"),
        ("/v2/nothing", None),
        ("/health", "inference"),
        ("/metrics", "inference"),
        ("/api/v1/nothing", "inference"),
        ("/api/v1/models", "inference"),
        ("/api/v1/models/ghost/load", "inference"),
        ("/api/v1/models/search", "hellovm"),
        ("/api/v1/models/qwen/Qwen-7B-Chat", "hellovm"),
        ("/api/v1/models/qwen//Qwen", "hellovm"),
        ("/api/v1/downloads", "hellovm"),
        ("/api/v1/downloads/7/control", "hellovm"),
        ("/api/v1/downloads/7/nothing", "hellovm"),
        ("/api/v1/downloadsx", "inference"),
        ("/api/v1/chat/sessions/s/nothing", "hellovm"),
        ("/api/v1/chats", "inference"),
        ("/api/v1/hardware", "hellovm"),
        ("/api/v1/hardware/gpu_0/metrics", "hellovm"),
        ("/api/v1/hardware/gpu_0/nothing", "hellovm"),
        ("/api/v1/system/nothing", "hellovm"),
        ("/api/v1/systems", "inference"),
        ("/api/v1/gpu", "platform"),
        ("/api/v1/gpu/nothing", "platform"),
        ("/api/v1/gpus", "inference"),
        ("/api/v1/auth/token", "platform"),
        ("/api/v1/projects/1", "platform"),
        ("/api/v1/projects/1/nothing", "platform"),
        ("/api/v1/tasks", "platform"),
        ("/api/v1/settings/nothing", "platform"),
        ("/api/v1/datasets/1", "platform"),
        ("/api/v1/training", "inference"),
        ("/api/v1/training/nothing", "platform"),
        ("/api/v1/metrics", "inference"),
        ("/api/v1/metrics/nothing", "platform"),
        ("/api/v1/plugins", "hellovm"),
        ("/api/v1/plugins/p/nothing", "hellovm"),
        ("/api/v1/health", "inference"),
        ("/api/v1/status", "scheduler"),
        ("/api/v1/tasks/7", "scheduler"),
        ("/api/v1/tasks/7/nothing", "scheduler"),
        ("/api/v1/llm/nothing", "scheduler"),
        ("/api/v1/llms", "inference"),
        ("/api/v1/tts/nothing", "scheduler"),
        ("/api/v1/image/nothing", "scheduler"),
        ("/api/v1/images", "inference"),
        ("/api/health", "manager"),
        ("/api/system/nothing", "manager"),
        ("/api/models/a/b/info", "manager"),
        ("/api/models/nothing", "manager"),
        ("/api/downloads/7", "manager"),
        ("/api/deployments/7/nothing", "manager"),
        ("/api/chat/7", "manager"),
        ("/api/chat/7/nothing", "manager"),
        ("/api/completions/7", "manager"),
        ("/api/chat", "ollama"),
        ("/api/chats", None),
        ("/api/blobs/nothing", "ollama"),
        ("/api/embed", "ollama"),
        ("/ws/downloads", "manager"),
        ("/ws/nothing", None),
        ("/mcp", "mcp"),
        ("/mcp/nothing", "mcp"),
        ("/mcps", None),
        ("/api/nothing", None),
        ("/funland/v1/models", None),
        ("/v1", None),
        ("/healthy", None),
    ],
)
def test_a_path_has_the_owner_that_claims_it_best(path: str, owner: str | None) -> None:
    found = owners(spoken())(path)

    assert (found and found.name) == owner


def test_routes_are_tagged_and_only_readers_of_bodies_have_request_schemas() -> None:
    for dialect in DIALECTS:
        for route in dialect.documented_routes:
            assert route.tag == dialect.name
            assert route.request_schema is None or route.method in ("POST", "PUT", "DELETE")
            assert route.summary.endswith(".")


def test_an_error_tells_its_status_and_when_to_come_back() -> None:
    error = Error(
        code="UNAVAILABLE",
        reason=ErrorReason.SERVER_STOPPING,
        retry_delay=Duration(seconds=1, nanos=1_000_000),
    )

    response = OPENAI.error_response(error)

    assert response.status == 503
    assert response.headers["Retry-After"] == "2"
    assert response.content_type == "application/json"
