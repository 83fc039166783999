"""The dialects' tables hold what their documents list."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.inference.routes import INFERENCE
from funland_gateway.dialects.openai.routes import OPENAI


def test_openai_has_these_endpoints() -> None:
    assert {(route.method, route.path) for route in OPENAI.documented_routes} == {
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions/{completion_id}"),
        ("POST", "/v1/chat/completions/{completion_id}"),
        ("DELETE", "/v1/chat/completions/{completion_id}"),
        ("GET", "/v1/chat/completions/{completion_id}/messages"),
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
        ("/funland/v1/models", None),
        ("/v1", None),
        ("/healthy", None),
    ],
)
def test_a_path_has_at_most_one_owner(path: str, owner: str | None) -> None:
    owners = [dialect.name for dialect in DIALECTS if dialect.owns(path)]

    assert owners == ([] if owner is None else [owner])


def test_routes_are_tagged_and_only_readers_of_bodies_have_request_schemas() -> None:
    for dialect in DIALECTS:
        for route in dialect.documented_routes:
            assert route.tag == dialect.name
            assert (route.request_schema is not None) == (route.method == "POST")
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
