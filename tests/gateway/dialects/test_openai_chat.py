"""OpenAI's chat completions, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    Delta,
    Finish,
    GenerationEvent,
    Message,
    SamplingParameters,
    Start,
    Usage,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
USAGE = Usage(prompt_tokens=5, completion_tokens=2, total_tokens=7, cached_prompt_tokens=3)
EVENTS = [
    GenerationEvent(start=Start(id="7", model="tiny")),
    GenerationEvent(delta=Delta(text="Hi")),
    GenerationEvent(delta=Delta(text="你")),
    GenerationEvent(),
    GenerationEvent(finish=Finish(reason=Finish.LENGTH, usage=USAGE)),
]


def read(**body: Any) -> Unary | Streaming:
    return create_chat_completion(Incoming(JsonObject({**HELLO, **body}), {}, 1_700_000_000))


def stream(**body: Any) -> list[bytes]:
    call = read(stream=True, **body)
    assert isinstance(call, Streaming)
    return [data for event in EVENTS for data in call.events(event)]


def test_a_request_becomes_the_contracts() -> None:
    call = read(
        model="tiny",
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": t} for t in ("One", "two")]},
            {"role": "assistant", "content": "", "refusal": None},
        ],
        temperature=0,
        user="somebody",
        store=False,
        metadata={"a": "b"},
        unheard_of={"x": 1},
    )

    assert isinstance(call, Unary)
    assert call.rpc.full_name == "funland.v1.InferenceService.Chat"
    assert call.message == ChatRequest(
        model="tiny",
        messages=[
            Message(role=Message.SYSTEM, content="Be kind."),
            Message(role=Message.SYSTEM, content="Be brief."),
            Message(role=Message.USER, content="One\ntwo"),
            Message(role=Message.ASSISTANT, content=""),
        ],
        sampling=SamplingParameters(temperature=0),
    )


def test_an_answer_has_the_shape_that_the_official_client_parses() -> None:
    call = read()
    assert isinstance(call, Unary)

    reply = call.answer(
        ChatResponse(
            id="7",
            model="tiny",
            message=Message(role=Message.ASSISTANT, content="Hi"),
            finish_reason=Finish.STOP,
            usage=USAGE,
        )
    )

    assert isinstance(reply, Reply)
    completion = ChatCompletion.model_validate_json(reply.content, strict=True)
    assert completion.id == "chatcmpl-7"
    assert completion.created == 1_700_000_000
    assert completion.model == "tiny"
    assert completion.choices[0].message.content == "Hi"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 7
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 3


def test_a_stream_begins_with_the_role_and_ends_with_the_reason_and_done() -> None:
    *data, done = stream()

    chunks = [ChatCompletionChunk.model_validate_json(each, strict=True) for each in data]
    assert {chunk.id for chunk in chunks} == {"chatcmpl-7"}
    assert {chunk.model for chunk in chunks} == {"tiny"}
    assert [orjson.loads(each)["choices"][0]["delta"] for each in data] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {"content": "你"},
        {},
    ]
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None, None, None, "length"]
    assert all("usage" not in orjson.loads(each) for each in data)
    assert done == b"[DONE]"


def test_usage_comes_in_a_chunk_of_its_own_when_asked_for() -> None:
    *data, last, done = stream(stream_options={"include_usage": True})

    assert all(orjson.loads(each)["usage"] is None for each in data)
    chunk = ChatCompletionChunk.model_validate_json(last, strict=True)
    assert chunk.choices == []
    assert chunk.usage is not None
    assert chunk.usage.completion_tokens == 2
    assert done == b"[DONE]"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "n"),
    ({"n": 0}, "n"),
    ({"n": "one"}, "n"),
    ({"tools": [{"type": "function"}]}, "tools"),
    ({"functions": [{}]}, "functions"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"prediction": {"type": "content"}}, "prediction"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"store": True}, "store"),
    ({"guided_json": {"type": "object"}}, "guided_json"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "messages[0].content[0].type",
    ),
    ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].role"),
    (
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]},
        "messages[0].tool_calls",
    ),
]


@pytest.mark.parametrize(("body", "parameter"), REFUSED)
def test_what_would_change_the_answer_is_refused(body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert raised.value.error.code == "INVALID_ARGUMENT"
    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1},
        {"n": None},
        {"tools": []},
        {"tool_choice": "auto"},
        {"response_format": {"type": "text"}},
        {"logprobs": False},
        {"top_logprobs": 0},
        {"modalities": ["text"]},
        {"parallel_tool_calls": True},
        {"service_tier": "auto"},
        {"stream_options": None},
    ],
)
def test_what_changes_nothing_is_passed_over(body: dict[str, Any]) -> None:
    call = read(**body)

    plain = read()
    assert call.message == plain.message
    assert call.rpc == plain.rpc


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "wizard", "content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"model": 1}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream": True, "stream_options": []}, "stream_options"),
        (
            {"stream": True, "stream_options": {"include_usage": 1}},
            "stream_options.include_usage",
        ),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]
