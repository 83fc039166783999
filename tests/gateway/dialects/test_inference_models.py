"""The `inference` dialect's models, sizes, health and metrics."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.api.httpbody_pb2 import HttpBody

from funland.v1.models_pb2 import (
    GetModelRequest,
    ListModelsResponse,
    LoadedModel,
    LoadModelRequest,
    LoadSettings,
    Model,
)
from funland.v1.system_pb2 import Health, MachineMemory, SystemStatus
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Unary
from funland_gateway.dialects.inference.models import list_models, load_model
from funland_gateway.dialects.inference.system import get_health, get_metrics
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.sizes import size
from funland_gateway.failures import CallFailed

INSTALLED = Model(
    model_id="llama-2-7b-chat",
    format=Model.GGUF,
    size_bytes=4_200_000_000,
    quantization="Q4_0",
    state=Model.INSTALLED,
)
LOADED = Model(
    model_id="funland-tiny",
    format=Model.GGUF,
    size_bytes=4_400_000,
    quantization="Q8_0",
    default=True,
    state=Model.LOADED,
    loaded=LoadedModel(memory_bytes=3_800_000_000),
)


def incoming(name: str = "", **body: Any) -> Incoming:
    return Incoming(JsonObject(body), {"model_name": name}, 0)


def content(reply: Step) -> Any:
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1KB"),
        (999_949, "999.9KB"),
        (999_950, "1MB"),
        (4_400_000, "4.4MB"),
        (4_200_000_000, "4.2GB"),
        (8_000_000_000, "8GB"),
        (2_500_000_000_000_000, "2500TB"),
    ],
)
def test_sizes_are_written_as_in_the_document(count: int, text: str) -> None:
    assert size(count) == text


def test_models_tell_memory_only_when_loaded() -> None:
    body = content(list_models(incoming()).answer(ListModelsResponse(models=[LOADED, INSTALLED])))

    assert body == {
        "models": [
            {
                "name": "funland-tiny",
                "format": "gguf",
                "size": "4.4MB",
                "loaded": True,
                "memory_usage": "3.8GB",
                "quantization": "Q8_0",
            },
            {
                "name": "llama-2-7b-chat",
                "format": "gguf",
                "size": "4.2GB",
                "loaded": False,
                "memory_usage": None,
                "quantization": "Q4_0",
            },
        ]
    }


@pytest.mark.parametrize("quantization", ["q4_0", "Q4_0", "", None])
def test_a_model_is_looked_up_and_loaded(quantization: str | None) -> None:
    look_up = load_model(incoming("meta/llama", quantization=quantization))
    load = look_up.answer(INSTALLED)

    assert look_up.message == GetModelRequest(model_id="meta/llama")
    assert isinstance(load, Unary)
    assert load.message == LoadModelRequest(model_id="llama-2-7b-chat")
    assert content(load.answer(LOADED))["loaded"] is True


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({}, None),
        ({"prefer_gpu": None}, None),
        ({"prefer_gpu": True}, None),
        ({"prefer_gpu": False}, LoadSettings(device_ids=["cpu_0"])),
    ],
)
def test_who_prefers_no_gpu_gets_the_cpu_alone(
    body: dict[str, Any], settings: LoadSettings | None
) -> None:
    load = load_model(incoming("x", **body)).answer(Model(model_id="x"))

    assert isinstance(load, Unary)
    assert load.message == LoadModelRequest(model_id="x", settings=settings)
    assert load.field_name("settings.device_ids[0]") == "prefer_gpu"
    assert load.field_name("model_id") == "model_name"


def test_the_model_called_default_is_the_default_model() -> None:
    load = load_model(incoming("default")).answer(ListModelsResponse(models=[INSTALLED, LOADED]))

    assert isinstance(load, Unary)
    assert load.message == LoadModelRequest(model_id="funland-tiny")


def test_without_a_default_model_the_name_itself_is_asked_for() -> None:
    load = load_model(incoming("default")).answer(ListModelsResponse(models=[INSTALLED]))

    assert isinstance(load, Unary)
    assert load.message == LoadModelRequest(model_id="default")


def test_another_quantization_fails_before_the_load() -> None:
    look_up = load_model(incoming("llama-2-7b-chat", quantization="q8_0"))

    with pytest.raises(CallFailed) as raised:
        look_up.answer(INSTALLED)

    assert [each.field for each in raised.value.error.field_violations] == ["quantization"]


def test_an_unknown_quantization_contradicts_nothing() -> None:
    load = load_model(incoming("x", quantization="q8_0")).answer(Model(model_id="x"))

    assert isinstance(load, Unary)


@pytest.mark.parametrize("body", [{"quantization": 4}, {"prefer_gpu": "yes"}])
def test_a_wrong_field_of_a_load_is_named(body: dict[str, Any]) -> None:
    with pytest.raises(CallFailed) as raised:
        load_model(incoming("x", **body))

    assert [each.field for each in raised.value.error.field_violations] == list(body)


def answered(status: SystemStatus) -> Step:
    asking = get_health(incoming()).answer(Health(state=status.state))
    assert isinstance(asking, Unary)
    return asking.answer(status)


def test_health_tells_nothing_of_models_to_who_does_not_say_who_they_are() -> None:
    closed = Health(state=Health.STOPPING, identity_required=True)

    reply = get_health(incoming()).answer(closed)

    assert isinstance(reply, Reply)
    assert (reply.status, content(reply)) == (
        503,
        {
            "status": "stopping", "model_loaded": None, "memory_usage": None,
            "active_connections": None,
        },
    )  # fmt: skip


def test_health_tells_memory_and_calls() -> None:
    status = SystemStatus(
        state=Health.SERVING,
        active_calls=5,
        loaded_models=[LOADED],
        memory=MachineMemory(total_bytes=8_000_000_000, available_bytes=5_900_000_000),
    )

    assert content(answered(status)) == {
        "status": "healthy",
        "model_loaded": True,
        "memory_usage": "2.1GB/8GB",
        "active_connections": 5,
    }


def test_a_stopping_server_is_not_healthy() -> None:
    reply = answered(SystemStatus(state=Health.STOPPING))

    assert isinstance(reply, Reply)
    assert reply.status == 503
    assert content(reply)["status"] == "stopping"
    assert content(reply)["model_loaded"] is False


def test_metrics_keep_their_bytes_and_type() -> None:
    body = HttpBody(content_type="text/plain; version=1.0.0; charset=utf-8", data=b"up 1\n")

    assert get_metrics(incoming()).answer(body) == Reply(body.data, body.content_type)
