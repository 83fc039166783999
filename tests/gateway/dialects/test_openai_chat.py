"""OpenAI's chat completions, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    AdapterUse,
    ChatRequest,
    ChatResponse,
    Delta,
    Finish,
    GenerationEvent,
    GenerationOptions,
    Message,
    SamplingParameters,
    Speculation,
    Start,
    ToolCall,
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


def stream(**body: Any) -> list[Any]:
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
        {"role": "assistant", "content": None},
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


def test_every_option_becomes_the_contracts() -> None:
    call = read(
        n=3,
        logprobs=True,
        top_logprobs=2,
        service_tier="flex",
        lora=[{"id": "poet", "scale": 0.5}, {"id": "cook"}],
        prediction={"type": "content", "content": "Hi"},
        response_format={"type": "json_object"},
        enable_thinking=False,
        reasoning_effort="high",
        chat_template_kwargs={"enable_thinking": True, "tone": "kind"},
    )

    message: Any = call.message
    assert message.options == GenerationOptions(
        n=3,
        top_logprobs=2,
        priority=GenerationOptions.LOW,
        adapters=[AdapterUse(adapter_id="poet", scale=0.5), AdapterUse(adapter_id="cook")],
        speculation=Speculation(method=Speculation.PROMPT_LOOKUP),
    )
    assert message.format.WhichOneof("format") == "json_object"
    assert message.reasoning is False
    assert orjson.loads(message.template_arguments) == {"tone": "kind", "reasoning_effort": "high"}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "low"}, True),
        ({"enable_thinking": True, "reasoning_effort": "none"}, True),
        ({"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "high"}, False),
        ({"chat_template_kwargs": {"enable_thinking": "maybe"}}, None),
    ],
)
def test_whether_to_think_is_said_in_three_ways(body: dict[str, Any], wanted: bool | None) -> None:
    message: Any = read(**body).message

    assert (message.reasoning if message.HasField("reasoning") else None) is wanted


def test_calls_and_their_results_are_read() -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    message: Any = read(
        messages=[
            {"role": "user", "content": "Add.", "name": "ada"},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "4"}]},
            {
                "role": "assistant",
                "content": "Four.",
                "reasoning_content": "2 and 2.",
                "function_call": {"name": "add", "arguments": {"a": 1}},
            },
            {"role": "function", "name": "add", "content": "5"},
        ]
    ).message

    assert list(message.messages) == [
        Message(role=Message.USER, content="Add.", name="ada"),
        Message(role=Message.ASSISTANT, tool_calls=[ToolCall(id="c1", name="add", arguments="{}")]),
        Message(role=Message.TOOL, tool_call_id="c1", content="4"),
        Message(
            role=Message.ASSISTANT,
            content="Four.",
            reasoning="2 and 2.",
            tool_calls=[ToolCall(name="add", arguments='{"a":1}')],
        ),
        Message(role=Message.TOOL, name="add", content="5"),
    ]


@pytest.mark.parametrize("prompt", [{}, {"add_generation_prompt": False}])
def test_an_answer_may_go_on_with_the_last_message(prompt: dict[str, Any]) -> None:
    begun = [*HELLO["messages"], {"role": "assistant", "content": "It is"}]

    message: Any = read(messages=begun, continue_final_message=True, **prompt).message

    assert message.continue_last


def test_a_last_message_of_the_model_alone_is_answered_as_any_other() -> None:
    message: Any = read(messages=[{"role": "assistant", "content": "It is"}]).message

    assert not message.continue_last


def test_both_fields_that_exclude_each_other_are_named() -> None:
    with pytest.raises(CallFailed) as raised:
        read(continue_final_message=True, add_generation_prompt=True)

    for name in ("continue_final_message", "add_generation_prompt"):
        assert name in raised.value.error.message


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        ({"role": "assistant"}, Message(role=Message.ASSISTANT)),
        ({"role": "assistant", "content": None}, Message(role=Message.ASSISTANT)),
        ({"role": "assistant", "content": []}, Message(role=Message.ASSISTANT)),
        (
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "No"}, {"type": "refusal", "refusal": "!"}],
            },
            Message(role=Message.ASSISTANT, content="No\n!"),
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": None, "function_call": None},
            Message(role=Message.ASSISTANT),
        ),
        (
            {"role": "assistant", "content": None, "refusal": "I won't."},
            Message(role=Message.ASSISTANT, content="I won't."),
        ),
        (
            {"role": "assistant", "content": "Yes.", "refusal": None},
            Message(role=Message.ASSISTANT, content="Yes."),
        ),
        ({"role": "assistant", "reasoning": "Hm"}, Message(role=Message.ASSISTANT, reasoning="Hm")),
    ],
)
def test_a_message_of_the_model_may_say_nothing(message: dict[str, Any], wire: Message) -> None:
    made: Any = read(messages=[message]).message

    assert list(made.messages) == [wire]


def test_roles_come_in_any_order() -> None:
    roles = ["user", "user", "system", "assistant", "assistant", "developer", "user"]

    made: Any = read(messages=[{"role": role, "content": role} for role in roles]).message

    assert [message.content for message in made.messages] == roles


@pytest.mark.parametrize("stream", [False, True])
def test_progress_is_asked_for_by_streams_which_tell_it_in_comments(stream: bool) -> None:
    message: Any = read(stream=stream).message

    assert message.options.progress == stream


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("continue_last", "continue_final_message"),
        ("sampling.max_tokens", "max_completion_tokens"),
        ("options.n", "n"),
        ("options.top_logprobs", "top_logprobs"),
        ("options.adapters[1].adapter_id", "lora[1].id"),
        ("options.adapters[1].scale", "lora[1].scale"),
        ("options.adapters", "lora"),
        ("format.json_schema", "response_format"),
        ("tools[0].name", "tools[1].function.name"),
        ("tool_choice.name", "tool_choice"),
        ("template_arguments", "chat_template_kwargs"),
        ("messages[0].tool_calls[2].arguments", "messages[0].tool_calls[2].function.arguments"),
        ("messages[0].reasoning", "messages[0].reasoning_content"),
        ("messages[0].content", "messages[0].content"),
    ],
)
def test_the_contracts_fields_are_called_as_the_request_called_them(path: str, name: str) -> None:
    tools = [{"type": "function", "function": {"name": each}} for each in ("a", "b")]
    allowed = {"mode": "auto", "tools": [tools[1]]}
    call = read(
        max_completion_tokens=4,
        tools=tools,
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
        lora=[{"id": "x"}, {"id": "y", "scale": 99}],
        response_format={"type": "json_schema", "json_schema": {"schema": {}}},
    )

    assert call.field_name(path) == name


def test_errors_that_name_no_field_blame_the_requests() -> None:
    plain = read().blames
    bound = read(guided_regex="a+").blames
    old = read(functions=[{"name": "f"}]).blames

    assert plain[ErrorReason.PROMPT_TOO_LONG] == "messages"
    assert plain[ErrorReason.ADAPTER_NOT_FOUND] == "lora"
    assert plain[ErrorReason.CONSTRAINT_INVALID] == "tools"
    assert bound[ErrorReason.CONSTRAINT_INVALID] == "guided_regex"
    assert old[ErrorReason.CONSTRAINT_LIMIT] == "functions"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"response_format": {"type": "structural_tag"}}, "response_format.type"),
    ({"prompt_logprobs": 0}, "prompt_logprobs"),
    ({"add_generation_prompt": False}, "add_generation_prompt"),
    (
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
        "messages[0].content[0].type",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"type": "mcp"}]}]},
        "messages[0].tool_calls[0].type",
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
        {"n": None},
        {"tools": []},
        {"tool_choice": "auto"},
        {"response_format": {"type": "text"}},
        {"logprobs": False},
        {"top_logprobs": 0},
        {"modalities": ["text"]},
        {"parallel_tool_calls": True},
        {"functions": []},
        {"function_call": "auto"},
        {"grammar": ""},
        {"structured_outputs": {"json_object": False}},
        {"reasoning_effort": None},
        {"chat_template_kwargs": {}},
        {"lora": []},
        {"service_tier": "auto"},
        {"stream_options": None},
        {"continue_final_message": False, "add_generation_prompt": True},
        {"return_progress": True},  # only a stream can tell it
        {"timings_per_token": True},
    ],
)
def test_what_changes_nothing_is_passed_over(body: dict[str, Any]) -> None:
    call = read(**body)

    plain = read()
    assert call.message == plain.message
    assert call.rpc == plain.rpc


WRONG: list[tuple[dict[str, Any], str]] = [
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
    ({"messages": [{"role": "assistant", "content": 1}]}, "messages[0].content"),
    (
        {"continue_final_message": True, "add_generation_prompt": True},
        "continue_final_message",
    ),
    ({"continue_final_message": "yes"}, "continue_final_message"),
    ({"return_progress": 1}, "return_progress"),
    ({"messages": [{"role": "tool", "content": "4"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "function", "content": "4"}]}, "messages[0].name"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]},
        "messages[0].tool_calls[0].function.name",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{}]}]},
        "messages[0].tool_calls[0].function",
    ),
    ({"n": "one"}, "n"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"logprobs": 2}, "logprobs"),
    ({"reasoning_effort": "vast"}, "reasoning_effort"),
    ({"chat_template_kwargs": "x"}, "chat_template_kwargs"),
    ({"lora": [{"scale": 1}]}, "lora[0].id"),
    ({"prediction": "text"}, "prediction"),
    ({"model": 1}, "model"),
    ({"stream": "yes"}, "stream"),
    ({"stream": True, "stream_options": []}, "stream_options"),
    (
        {"stream": True, "stream_options": {"include_usage": 1}},
        "stream_options.include_usage",
    ),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]
