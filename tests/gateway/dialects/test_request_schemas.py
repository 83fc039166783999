"""What a request's schema lets pass is what is taken, by the dialect and then by the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest

from funland.v1.hardware_pb2 import Acceleration
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.dialect import (
    Download,
    Incoming,
    Route,
    Streaming,
    Together,
    Unary,
    Upload,
    WebSocket,
)
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import GET_ACCELERATION
from funland_gateway.failures import CallFailed
from funland_server.errors import FieldInvalidError
from funland_server.rpc.validation import validate

ROUTES = {
    route.path: route
    for dialect in DIALECTS
    for route in dialect.routes
    if route.request_schema is not None
}

HELLO: dict[str, Any] = {"role": "user", "content": "a"}

BODIES: Mapping[str, list[dict[str, Any]]] = {
    "/v1/chat/completions": [{"messages": [HELLO]}],
    "/apply-template": [{"messages": [HELLO]}],
    "/v1/responses": [{"input": "a"}],
    "/v1/responses/input_tokens": [{"input": "a"}],
    "/v1/completions": [{"prompt": "a"}],
    "/v1/embeddings": [{"input": "a"}],
    "/v1/rerank": [{"query": "a", "documents": ["a"]}, {"query": "a", "texts": ["a"]}],
    "/v2/rerank": [{"query": "a", "documents": ["a"]}],
    "/tokenize": [{"content": "a"}, {"prompt": "a"}],
    "/detokenize": [{"tokens": [1]}],
    "/api/v1/generate": [{"prompt": "a"}],
    "/api/v1/generate/stream": [{"prompt": "a"}],
    "/api/v1/batch/generate": [{"requests": [{"prompt": "a"}]}],
    "/api/v1/models/{model_name}/load": [{}],
    "/api/v1/hardware/acceleration": [{}],
    "/api/v1/models/download": [{"model_id": "a/b"}],
    "/api/v1/downloads/{download_id}/control": [{"action": "pause"}],
    "/api/v1/chat/sessions": [{"model_id": "a"}],
    "/api/v1/chat/sessions/{session_id}/messages": [{"message": "a"}],
    "/api/downloads/start": [{"model_id": "a"}],
    "/api/v1/plugins/{plugin_id}/execute": [{}],
    "/api/v1/llm/generate": [{"prompt": "a"}],
    "/api/v1/llm/generate/async": [{"prompt": "a"}],
    "/api/v1/llm/generate/stream": [{"prompt": "a"}],
}
"""A least body of each form that a route takes."""

PATH = {"model_name": "x", "download_id": "x", "session_id": "x", "plugin_id": "x"}

VALUES: list[Any] = [
    None, True, False, -2, -1, 0, 0.5, 1, 3, 21, 2**31, 2**63, 1e39, "", "a", "x" * 257,
    [], [""], ["a"], ["a"] * 2049, [0], [1, -1], [True], [2**31], [[]], [[1]], [[1], "a"],
    [[1, 2, 3]],     [["a"]], {}, {"1": 1}, {"1": 101}, {"1": False}, [[7, False]],
    [[7, 101]], {"text": "a"}, [{"text": "a"}], [{"text": ""}], [{}],
    {"prompt_string": "a"}, {"prompt_string": ""}, [{"prompt_string": "a"}], [{"prompt": "a"}],
    [{"prompt": ""}], [{"prompt": "a", "top_p": 2}],
    "a/b", "a/b/c", "a /b", "pause", "gguf", "pytorch", "ollama", "/models", "Q4_K_M",
    {"max_threads": 16}, {"max_threads": 17}, {"priority": "high"}, {"priority": "none"},
    "gpu_0", "gpu_00001", ["gpu_0", "gpu_1"], ["gpu_0", "gpu_0"], ["gpu"], "hybrid", "auto",
    {"cpu_threads": 1}, {"cpu_threads": 513}, {"cpu_threads": 1.5}, {"gpu_memory_fraction": 0.05},
    {"gpu_memory_fraction": 0.04}, {"npu_power_mode": "balanced"}, {"npu_power_mode": "eco"},
    {"max_tokens": 1}, {"max_tokens": 0.5}, {"stop_sequences": ["a"]}, {"stop_sequences": [1]},
    {"stream": True}, {"stream": False}, {"stream": 1},
    {"resume_download": True}, {"verify_checksum": False}, {"verify_checksum": None},
]  # fmt: skip

FORMATS = {
    "response_format", "grammar", "json_schema", "guided_json", "guided_regex", "guided_choice",
    "guided_grammar", "structured_outputs", "lora", "prediction", "stream_options", "service_tier",
}  # fmt: skip
CHOICES = {"tool_choice", "function_call", "parallel_tool_calls", "top_logprobs"}
CHAT = CHOICES | {"add_generation_prompt", "reasoning_effort"}
RESPONSES = CHOICES | {"text", "include", "truncation", "service_tier"}

ELSEWHERE: Mapping[str, frozenset[str]] = {
    "/v1/chat/completions": frozenset(FORMATS | CHAT | {"metadata"}),
    "/apply-template": frozenset(CHAT),
    "/v1/responses": frozenset(RESPONSES),
    "/v1/responses/input_tokens": frozenset(RESPONSES),
    "/v1/completions": frozenset(FORMATS | {"best_of"}),
    "/api/v1/models/{model_name}/load": frozenset({"quantization"}),  # the model has its own
}  # fmt: skip
"""What a schema can't tell whole: grammars, values that depend on others, and what is passed over
where another field does not ask for it."""


def schema_of(path: str) -> Any:
    return ROUTES[path].request_schema


def fields(path: str, body: Mapping[str, Any]) -> set[str]:
    """The fields of the form that a body has."""
    schema = schema_of(path)
    [form] = [
        form for form in schema.get("anyOf", [schema]) if set(form.get("required", ())) == set(body)
    ]
    return set(form["properties"]) - ELSEWHERE.get(path, frozenset())


CHANGED = [
    pytest.param(path, body, name, id=f"{path} {'+'.join(body)} {name}")
    for path, bodies in BODIES.items()
    for body in bodies
    for name in sorted(fields(path, body))
]


@pytest.mark.parametrize(("path", "body", "name"), CHANGED)
def test_a_schema_lets_pass_what_is_taken(path: str, body: dict[str, Any], name: str) -> None:
    check = validator(schema_of(path))

    for value in VALUES:
        told = {**body, name: value}
        assert check(told) == taken(ROUTES[path], told), repr(value)[:80]


@pytest.mark.parametrize("path", BODIES)
def test_a_schema_wants_what_is_required(path: str) -> None:
    check = validator(schema_of(path))

    for body in BODIES[path]:
        assert check(body)
        for name in body:
            rest = {key: value for key, value in body.items() if key != name}
            assert not check(rest)
            assert not taken(ROUTES[path], rest)


def validator(schema: Any) -> Callable[[Any], bool]:
    check: Any = jsonschema.Draft202012Validator(schema)  # whose types are not all known
    return check.is_valid


def taken(route: Route, body: dict[str, Any]) -> bool:
    """Whether dialect and contract take a body."""
    try:
        for message in messages(route.call(Incoming(JsonObject(body), PATH, 0))):
            validate(message)
    except (CallFailed, FieldInvalidError):
        return False
    return True


BEFORE: Mapping[Any, Any] = {GET_ACCELERATION: Acceleration()}
"""What is answered to RPCs that are asked before the one that takes the body."""


def messages(
    call: Unary | Streaming | Together | WebSocket | Upload | Download,
) -> list[Any]:
    if isinstance(call, Together):
        return [part.message for part in call.parts]
    if isinstance(call, Unary) and call.rpc in BEFORE:
        second = call.answer(BEFORE[call.rpc])
        assert isinstance(second, Unary)
        return messages(second)
    assert isinstance(call, Unary | Streaming | WebSocket), "it has no body in JSON"
    return [call.message]
