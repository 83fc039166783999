"""What a request's schema lets pass is what is taken, by the dialect and then by the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest

from funland.v1.deployments_pb2 import ListDeploymentsResponse
from funland.v1.hardware_pb2 import Acceleration
from funland.v1.models_pb2 import Model
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.dialect import (
    Download,
    Incoming,
    KeptForm,
    Own,
    RawUpload,
    Reply,
    Route,
    Step,
    Streaming,
    Together,
    Unary,
    Upload,
    WebSocket,
)
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import (
    GET_ACCELERATION,
    GET_MODEL,
    LIST_DEPLOYMENTS,
    LOAD_MODEL,
    UNLOAD_MODEL,
)
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
    "/v1/chat/completions/input_tokens": [{"messages": [HELLO]}],
    "/apply-template": [{"messages": [HELLO]}],
    "/v1/responses": [{"input": "a"}],
    "/v1/responses/input_tokens": [{"input": "a"}],
    "/v1/completions": [{"prompt": "a"}],
    "/v1/embeddings": [{"input": "a"}],
    "/api/chat": [{"model": "a"}],
    "/api/generate": [{"model": "a"}],
    "/api/embed": [{"model": "a"}],
    "/api/embeddings": [{"model": "a"}],
    "/api/show": [{"model": "a"}],
    "/api/pull": [{"model": "a"}],
    "/v1/audio/speech": [{"input": "a"}],
    "/v1/images/generations": [{"prompt": "a"}],
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
    "/api/v1/tts/generate": [{"text": "a"}],
    "/api/v1/tts/generate/async": [{"text": "a"}],
    "/api/v1/tts/batch": [{"items": [{"text": "a"}]}],
    "/api/v1/image/generate": [{"prompt": "a"}],
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
    {"speed": 4}, {"speed": 4.1}, {"pitch": 0.5}, {"pitch": 0.4}, {"sample_rate": 22050},
    {"sample_rate": 7999}, {"format": "wav"}, {"format": "WAV"}, {"format": ""}, {"format": "png"},
    {"ssml": True}, {"ssml": 1}, {"seed": -1}, {"seed": 2**63}, [{"text": "a", "voice": "b"}],
    [{"text": "a", "parameters": {"speed": 5}}], [{"text": "a"}] * 257,
    {"width": 64}, {"width": 15}, {"height": 4097}, {"steps": 0}, {"steps": 200},
    {"guidance_scale": 50}, {"guidance_scale": 51}, {"n": 16}, {"n": 17}, {"scheduler": "lcm"},
    {"scheduler": "heun"}, {"strength": 1}, {"strength": 1.1}, {"quality": 100}, {"quality": 101},
    {"upscale": None}, {"upscale": 0}, {"image_file_id": "x" * 129}, {"model": "x" * 257},
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
    "/v1/chat/completions/input_tokens": frozenset(CHAT),
    "/apply-template": frozenset(CHAT),
    "/v1/responses": frozenset(RESPONSES),
    "/v1/responses/input_tokens": frozenset(RESPONSES),
    "/v1/completions": frozenset(FORMATS | {"best_of"}),
    "/api/chat": frozenset({"messages", "tools", "top_logprobs"}),
    "/api/generate": frozenset({"top_logprobs"}),
    "/api/embed": frozenset({"dimensions", "input"}),
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
        call = route.call(Incoming(JsonObject(body), PATH, 0))
        assert not isinstance(call, Own)  # it has no body of a dialect
        for message in messages(call):
            validate(message)
    except (CallFailed, FieldInvalidError):
        return False
    return True


BEFORE: Mapping[Any, Any] = {
    GET_ACCELERATION: Acceleration(),
    LIST_DEPLOYMENTS: ListDeploymentsResponse(),
    GET_MODEL: Model(model_id="x"),
    LOAD_MODEL: Model(),
    UNLOAD_MODEL: Model(),
}
"""What is answered to RPCs that are asked before the one that takes the body."""


def messages(call: Step | WebSocket | Upload | RawUpload | KeptForm) -> list[Any]:
    if isinstance(call, Together):
        return [part.message for part in call.parts]
    if isinstance(call, Unary) and call.rpc in BEFORE:
        then = call.answer(BEFORE[call.rpc])
        return [call.message, *([] if isinstance(then, Reply) else messages(then))]
    assert isinstance(call, Unary | Streaming | Download | WebSocket), "it has no body in JSON"
    return [call.message]
