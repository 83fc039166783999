"""A model whose numbers are none fails its calls by name, on every wire, and nobody else's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from funland.v1.inference_pb2 import (
    EmbedRequest,
    GenerateRequest,
    GenerationOptions,
    RerankRequest,
    SamplingParameters,
)
from funland.v1.models_pb2 import LoadModelRequest, LoadSettings
from tests.faults.gguf_files import with_values
from tests.faults.service import Fault, Service, chat, failure

if TYPE_CHECKING:
    from tests.faults.conftest import Install

DAMAGED = "damaged"
ONE = SamplingParameters(max_tokens=1)
CALLS: dict[str, tuple[str, Any]] = {
    "Chat": ("chat", chat(model=DAMAGED)),
    "Generate": (
        "generate",
        GenerateRequest(
            model=DAMAGED,
            prompt="Once upon a time",
            sampling=SamplingParameters(max_tokens=0),
            options=GenerationOptions(prompt_logprobs=0),
        ),
    ),
    "Embed": ("embed", EmbedRequest(model=DAMAGED, inputs=["Hello"], normalize=False)),
    "Rerank": ("rerank", RerankRequest(model=DAMAGED, query="a", documents=["b", "c"])),
}


@pytest.fixture
async def damaged(install: Install) -> None:
    """A model that multiplies its last states by what is not a number."""
    await install(DAMAGED, with_values("output_norm.weight", math.nan))


def assert_named(fault: Fault) -> None:
    assert (fault.code, fault.reason) == ("INTERNAL", "MODEL_OUTPUT_INVALID")
    assert fault.metadata == {"model": DAMAGED}
    assert "damaged or badly quantized" in fault.message


@pytest.mark.usefixtures("damaged")
async def test_every_call_says_so_and_the_next_one_again(service: Service) -> None:
    for _ in range(2):
        for name, (path, request) in CALLS.items():
            assert_named(await failure(getattr(service.inference, name)(request)))
            async with service.http.post(f"/funland/v1/{path}", json=as_json(request)) as answer:
                error = (await answer.json())["error"]
            assert (answer.status, error["reason"]) == (500, "MODEL_OUTPUT_INVALID")

    for path in ("chat/completions", "completions"):
        body: dict[str, Any] = {"model": DAMAGED, "prompt": "a", "max_tokens": 1}
        if path != "completions":
            body = {"model": DAMAGED, "messages": [{"role": "user", "content": "a"}]}
        async with service.http.post(f"/v1/{path}", json=body) as answer:
            error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (500, "model_output_invalid")


@pytest.mark.usefixtures("damaged")
async def test_a_stream_ends_with_it(service: Service) -> None:
    told: list[Any] = []

    async def read() -> None:
        async for event in service.inference.StreamChat(chat(model=DAMAGED)):
            told.append(event)

    fault = await failure(read())
    async with service.http.post(
        "/funland/v1/chat:stream",
        json=as_json(chat(model=DAMAGED)),
        headers={"accept": "application/x-ndjson"},
    ) as answer:
        lines = (await answer.text()).splitlines()

    assert_named(fault)
    assert not any(event.HasField("delta") for event in told)
    assert '"reason":"MODEL_OUTPUT_INVALID"' in lines[-1]


@pytest.mark.parametrize("engine", [LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2])
@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.usefixtures("damaged")
async def test_every_engine_says_so(
    service: Service, engine: LoadSettings.Engine.ValueType, temperature: float
) -> None:
    load = LoadModelRequest(model_id=DAMAGED, settings=LoadSettings(engine=engine))
    await service.models.LoadModel(load)

    assert_named(
        await failure(service.inference.Chat(chat(model=DAMAGED, temperature=temperature)))
    )


def as_json(request: Any) -> Any:
    return json_format.MessageToDict(request, preserving_proto_field_name=True)
