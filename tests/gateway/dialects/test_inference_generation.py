"""The `inference` dialect's generations, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    BatchGenerateResponse,
    BatchResult,
    Delta,
    Finish,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    Queued,
    SamplingParameters,
    Start,
    Timings,
    Usage,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Streaming, Unary
from funland_gateway.dialects.inference.generation import (
    generate,
    generate_batch,
    generate_stream,
)
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

USAGE = Usage(prompt_tokens=15, completion_tokens=128, total_tokens=143, cached_prompt_tokens=3)
TIMINGS = Timings(queue_ms=100, prompt_ms=200, decode_ms=2000)
RESPONSE = GenerateResponse(
    id="7", model="tiny", text="是", finish_reason=Finish.STOP, usage=USAGE, timings=TIMINGS
)
OUTCOME = {
    "usage": {"prompt_tokens": 15, "completion_tokens": 128, "total_tokens": 143},
    "latency": 2.3,
    "finish_reason": "stop",
}


def incoming(**body: Any) -> Incoming:
    return Incoming(JsonObject(body), {}, 0)


def content(reply: Step) -> Any:
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


def test_the_documents_request_becomes_the_contracts() -> None:
    call = generate(
        incoming(
            prompt="请解释人工智能的概念",
            model="llama-2-7b-chat",
            max_tokens=512,
            temperature=0.5,
            stream=False,
        )
    )

    assert call.rpc.name == "Generate"
    assert call.message == GenerateRequest(
        model="llama-2-7b-chat",
        prompt="请解释人工智能的概念",
        sampling=SamplingParameters(max_tokens=512, temperature=0.5),
        as_message=True,
    )


def test_unset_is_the_default_model_and_512_tokens() -> None:
    expected = GenerateRequest(
        prompt="x", sampling=SamplingParameters(max_tokens=512), as_message=True
    )

    assert generate(incoming(prompt="x")).message == expected
    assert generate(incoming(prompt="x", model="default")).message == expected


def test_the_answer_has_text_usage_and_latency_in_seconds() -> None:
    call = generate(incoming(prompt="x"))
    assert isinstance(call, Unary)

    assert content(call.answer(RESPONSE)) == {"text": "是", **OUTCOME}


@pytest.mark.parametrize("read", [generate, generate_stream])
@pytest.mark.parametrize(("raw", "answered"), [(None, True), (False, True), (True, False)])
def test_a_prompt_is_answered_unless_it_is_raw(read: Any, raw: Any, answered: bool) -> None:
    assert read(incoming(prompt="x", raw=raw)).message.as_message is answered


def test_what_a_model_thought_stands_beside_its_answer() -> None:
    whole = generate(incoming(prompt="x"))
    stream = generate_stream(incoming(prompt="x"))
    assert isinstance(whole, Unary)
    response = GenerateResponse(text="42", reasoning="6 · 7", finish_reason=Finish.STOP)
    deltas = [Delta(reasoning="6 "), Delta(reasoning="· 7", text="4"), Delta(text="2")]

    told: list[Any] = [
        data for delta in deltas for data in stream.events(GenerationEvent(delta=delta))
    ]

    answer = content(whole.answer(response))
    assert (answer["text"], answer["thinking"]) == ("42", "6 · 7")
    assert [orjson.loads(each) for each in told] == [
        {"token": "", "thinking": "6 ", "finished": False},
        {"token": "4", "thinking": "· 7", "finished": False},
        {"token": "2", "finished": False},
    ]


def test_stream_in_the_body_answers_like_generate_stream() -> None:
    call = generate(incoming(prompt="x", stream=True))

    assert isinstance(call, Streaming)
    assert call.rpc.name == "StreamGenerate"


def test_a_stream_is_tokens_of_which_the_last_is_finished() -> None:
    call = generate_stream(incoming(prompt="x"))
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(queued=Queued(position=2)),
        GenerationEvent(delta=Delta(text="人")),
        GenerationEvent(),
        GenerationEvent(finish=Finish(reason=Finish.STOP, usage=USAGE, timings=TIMINGS)),
    ]

    data: list[Any] = [data for event in events for data in call.events(event)]

    assert [orjson.loads(each) for each in data] == [
        {"token": "人", "finished": False},
        {"token": "", "finished": True, **OUTCOME},
    ]


def test_a_batch_keeps_its_order_and_each_error_its_place() -> None:
    call = generate_batch(
        incoming(
            requests=[{"prompt": "问题1", "max_tokens": 100}, {"prompt": "问题2", "raw": True}]
        )
    )

    assert call.message == BatchGenerateRequest(
        requests=[
            GenerateRequest(
                prompt="问题1", sampling=SamplingParameters(max_tokens=100), as_message=True
            ),
            GenerateRequest(prompt="问题2", sampling=SamplingParameters(max_tokens=512)),
        ]
    )
    error = Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, message="No such model.")
    results = [BatchResult(error=error), BatchResult(response=RESPONSE)]
    assert content(call.answer(BatchGenerateResponse(results=results))) == {
        "results": [
            {"error": {"code": "MODEL_NOT_FOUND", "message": "No such model.", "details": ""}},
            {"text": "是", **OUTCOME},
        ]
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("prompt", "prompt"),
        ("sampling.top_p", "top_p"),
        ("requests[3].sampling.stop[0]", "requests[3].stop[0]"),
        ("requests", "requests"),
    ],
)
def test_a_field_of_the_contract_is_called_as_the_document_calls_it(path: str, name: str) -> None:
    assert generate_batch(incoming(requests=[])).field_name(path) == name


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": 1}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "raw": "yes"}, "raw"),
        ({"prompt": "x", "model": 1}, "model"),
        ({"prompt": "x", "max_tokens": "many"}, "max_tokens"),
        ({"prompt": "x", "stream": 1}, "stream"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        generate(incoming(**body))

    assert [each.field for each in raised.value.error.field_violations] == [field]


def test_a_wrong_field_in_a_batch_is_named_with_its_place() -> None:
    with pytest.raises(CallFailed) as raised:
        generate_batch(incoming(requests=[{"prompt": "x"}, {"prompt": "x", "temperature": "hot"}]))

    violations = raised.value.error.field_violations
    assert [each.field for each in violations] == ["requests[1].temperature"]
