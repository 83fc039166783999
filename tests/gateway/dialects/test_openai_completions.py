"""OpenAI's text completions, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types import Completion

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    BatchGenerateResponse,
    BatchResult,
    Delta,
    Finish,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    SamplingParameters,
    Start,
    Usage,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed


def read(**body: Any) -> Unary | Streaming:
    return create_completion(Incoming(JsonObject(body), {}, 1_700_000_000))


def response(text: str) -> GenerateResponse:
    return GenerateResponse(
        id=f"id-{text}",
        model="tiny",
        text=text,
        finish_reason=Finish.STOP,
        usage=Usage(prompt_tokens=2, completion_tokens=1, total_tokens=3, cached_prompt_tokens=1),
    )


def completion(reply: Reply | Unary) -> Completion:
    assert isinstance(reply, Reply)
    return Completion.model_validate_json(reply.content, strict=True)


def test_one_prompt_is_one_generation() -> None:
    call = read(model="tiny", prompt="Once", max_tokens=5)

    assert isinstance(call, Unary)
    assert call.message == GenerateRequest(
        model="tiny", prompt="Once", sampling=SamplingParameters(max_tokens=5)
    )
    answer = completion(call.answer(response("upon")))
    assert answer.id == "cmpl-id-upon"
    assert answer.object == "text_completion"
    assert answer.choices[0].text == "upon"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 3


def test_max_tokens_defaults_to_openais_sixteen() -> None:
    message: Any = read(prompt="Once").message

    assert message.sampling.max_tokens == 16


def test_several_prompts_are_one_batch_with_usage_added_up() -> None:
    call = read(prompt=["a", "b"], max_tokens=5)

    assert isinstance(call, Unary)
    assert call.rpc.name == "BatchGenerate"
    answer = completion(
        call.answer(
            BatchGenerateResponse(results=[BatchResult(response=response(t)) for t in ("x", "y")])
        )
    )
    assert [(each.index, each.text) for each in answer.choices] == [(0, "x"), (1, "y")]
    assert answer.usage is not None
    assert answer.usage.total_tokens == 6
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 2


def test_one_failed_prompt_fails_the_call() -> None:
    call = read(prompt=["a", "b"])
    assert isinstance(call, Unary)
    error = Error(code="INVALID_ARGUMENT", reason=ErrorReason.PROMPT_TOO_LONG, message="Too long.")

    with pytest.raises(CallFailed) as raised:
        call.answer(
            BatchGenerateResponse(
                results=[BatchResult(response=response("x")), BatchResult(error=error)]
            )
        )

    assert raised.value.error == error


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("requests", "prompt"),
        ("requests[1].prompt", "prompt[1]"),
        ("requests[0].sampling.temperature", "temperature"),
        ("requests[0].sampling.max_tokens", "max_completion_tokens"),
        ("requests[0].model", "model"),
    ],
)
def test_a_batchs_field_is_called_as_the_request_called_it(path: str, name: str) -> None:
    call = read(prompt=["a", "b"], max_completion_tokens=4)

    assert call.field_name(path) == name


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_stream_is_chunks_of_text_then_the_reason_then_done(prompt: Any) -> None:
    call = read(prompt=prompt, stream=True)
    assert isinstance(call, Streaming)
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(delta=Delta(text="upon")),
        GenerationEvent(finish=Finish(reason=Finish.STOP)),
    ]

    *data, done = [data for event in events for data in call.events(event)]

    chunks = [orjson.loads(each) for each in data]
    assert {(chunk["id"], chunk["object"]) for chunk in chunks} == {("cmpl-7", "text_completion")}
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [(choice["text"], choice["finish_reason"]) for choice in choices] == [
        ("upon", None),
        ("", "stop"),
    ]
    assert done == b"[DONE]"


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": [[1, 2], [3]]}, "prompt"),
        ({"prompt": ["a", "b"], "stream": True}, "prompt"),
        ({"prompt": [], "stream": True}, "prompt"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "suffix": "z"}, "suffix"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "logprobs": 0}, "logprobs"),
        ({"prompt": "a", "n": 3}, "n"),
    ],
)
def test_what_would_change_the_answer_is_refused(body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": 1}, "prompt"),
        ({"prompt": ["a", None]}, "prompt[1]"),
    ],
)
def test_a_wrong_prompt_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]
