"""Requests for OpenAI's responses, read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
    Tool,
    ToolCall,
    ToolChoice,
)
from funland.v1.responses_pb2 import CreateResponseRequest
from funland_gateway.dialects.dialect import Streaming, Unary
from funland_gateway.dialects.openai.responses import create_response
from funland_gateway.dialects.openai.responses_items import input_items
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.kept import WEATHER, incoming, request_of


def chat_of(**body: Any) -> ChatRequest:
    return request_of(**body).chat


def test_a_request_becomes_the_contracts() -> None:
    call = create_response(
        incoming(
            {
                "model": "tiny",
                "input": "Hello",
                "instructions": "Be kind.",
                "previous_response_id": "resp_0",
                "store": False,
                "metadata": {"topic": "test"},
                "temperature": 0,
                "max_output_tokens": 7,
                "parallel_tool_calls": False,
                "reasoning": {"effort": "none"},
                "service_tier": "flex",
                "user": "somebody",
                "unheard_of": {"x": 1},
            }
        )
    )

    assert isinstance(call, Unary)
    assert call.rpc.full_name == "funland.v1.ResponseService.CreateResponse"
    assert call.message == CreateResponseRequest(
        chat=ChatRequest(
            model="tiny",
            messages=[Message(role=Message.USER, content="Hello")],
            sampling=SamplingParameters(temperature=0, max_tokens=7),
            options=GenerationOptions(priority=GenerationOptions.LOW),
            parallel_tool_calls=False,
            reasoning=False,
        ),
        instructions="Be kind.",
        previous_response_id="resp_0",
        store=False,
        metadata={"topic": "test"},
    )


def test_sampling_is_that_of_chats() -> None:
    sampling = chat_of(max_output_tokens=7, max_tokens=9, top_k=-1, stop_token_ids=[5]).sampling

    assert sampling == SamplingParameters(max_tokens=7, top_k=0, stop_tokens=[5])


def test_what_asks_for_nothing_is_passed_over() -> None:
    nothing: dict[str, Any] = {
        "n": 1,
        "response_format": {"type": "text"},
        "grammar": None,
        "functions": [],
        "mirostat": 0,
        "conversation": None,
    }

    assert request_of(**nothing) == request_of()


def test_a_stream_calls_the_streaming_rpc() -> None:
    call = create_response(incoming({"input": "Hello", "stream": True}))

    assert isinstance(call, Streaming)
    assert call.rpc.full_name == "funland.v1.ResponseService.StreamResponse"


def test_a_request_may_be_for_the_background() -> None:
    assert request_of(background=True).background
    assert not request_of().background


def test_items_become_messages_and_neighbours_one_message() -> None:
    items: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Rain?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"A"}'},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": '{"city":"B"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "dry"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "wet"}],
        },
        {"role": "assistant", "content": "A dry, B wet."},
        {"role": "assistant", "content": "Enjoy."},
    ]

    assert list(chat_of(input=items).messages) == [
        Message(role=Message.SYSTEM, content="Be brief."),
        Message(role=Message.USER, content="Rain?"),
        Message(
            role=Message.ASSISTANT,
            reasoning="Hm",
            content="I look.",
            tool_calls=[
                ToolCall(id="c1", name="weather", arguments='{"city":"A"}'),
                ToolCall(id="c2", name="weather", arguments='{"city":"B"}'),
            ],
        ),
        Message(role=Message.TOOL, content="dry", tool_call_id="c1", name="weather"),
        Message(role=Message.TOOL, content="wet", tool_call_id="c2", name="weather"),
        Message(role=Message.ASSISTANT, content="A dry, B wet."),
        Message(role=Message.ASSISTANT, content="Enjoy."),
    ]


def test_calls_of_namespaces_and_custom_calls_are_taken_back() -> None:
    items: list[dict[str, Any]] = [
        {"role": "user", "content": "Go."},
        {
            "type": "function_call", "namespace": "mcp", "call_id": "c1", "name": "weather",
            "arguments": "{}",
        },
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": 'Say "x"'},
        {"type": "function_call_output", "call_id": "c1", "output": "dry"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        {"type": "custom_tool_call_output", "call_id": "c0", "output": "of an earlier response"},
        {"role": "assistant", "content": None},
    ]  # fmt: skip
    tools = [
        {"type": "namespace", "name": "mcp", "tools": [WEATHER]},
        {"type": "custom", "name": "patch"},
    ]

    chat = chat_of(input=items, tools=tools)

    assert list(chat.messages)[1:] == [
        Message(
            role=Message.ASSISTANT,
            tool_calls=[
                ToolCall(id="c1", name="mcp__weather", arguments="{}"),
                ToolCall(id="c2", name="patch", arguments='{"input":"Say \\"x\\""}'),
            ],
        ),
        Message(role=Message.TOOL, tool_call_id="c1", name="mcp__weather", content="dry"),
        Message(role=Message.TOOL, tool_call_id="c2", name="patch", content="done"),
        Message(
            role=Message.TOOL, tool_call_id="c0", name="patch", content="of an earlier response"
        ),
        Message(role=Message.ASSISTANT),
    ]
    told = input_items("resp_1f", chat.messages, chat.tools)
    assert [item["type"] for item in told] == [
        "message", "function_call", "custom_tool_call", "function_call_output",
        "custom_tool_call_output", "custom_tool_call_output",
    ]  # fmt: skip
    again = chat_of(input=told, tools=tools)
    assert list(again.messages) == list(chat.messages)[:-1]


@pytest.mark.parametrize(
    ("truncation", "drops"), [(None, False), ("disabled", False), ("auto", True)]
)
def test_the_oldest_messages_may_be_left_out(truncation: str | None, drops: bool) -> None:
    assert chat_of(truncation=truncation).drop_oldest is drops


def test_tools_are_functions_and_may_be_chosen() -> None:
    chat = chat_of(tools=[WEATHER], tool_choice={"type": "function", "name": "weather"})

    parameters = '{"type":"object","properties":{"city":{"type":"string"}}}'
    assert list(chat.tools) == [
        Tool(name="weather", description="Tells it.", parameters=parameters)
    ]
    assert chat.tool_choice == ToolChoice(mode=ToolChoice.REQUIRED, name="weather")


def test_of_allowed_tools_the_others_are_left_out() -> None:
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "weather"}],
    }

    chat = chat_of(tools=[WEATHER, {**WEATHER, "name": "time"}], tool_choice=allowed)

    assert [tool.name for tool in chat.tools] == ["weather"]
    assert chat.tool_choice.mode == ToolChoice.REQUIRED


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat(json_object=Empty())),
        (
            {"type": "json_schema", "name": "n", "schema": {"type": "null"}, "strict": True},
            OutputFormat(json_schema='{"type":"null"}'),
        ),
    ],
    ids=["text", "json_object", "json_schema"],
)
def test_a_text_format_binds_the_answer(form: Any, expected: OutputFormat | None) -> None:
    chat = chat_of(text={"format": form, "verbosity": "low"})

    assert (chat.format if chat.HasField("format") else None) == expected


@pytest.mark.parametrize(
    ("more", "wanted", "told"),
    [
        ({"enable_thinking": False}, False, {}),
        (
            {"chat_template_kwargs": {"enable_thinking": True, "tone": "kind"}},
            True,
            {"tone": "kind"},
        ),
        (
            {"reasoning": {"effort": "low"}, "chat_template_kwargs": {"tone": "kind"}},
            True,
            {"tone": "kind", "reasoning_effort": "low"},
        ),
    ],
)
def test_thinking_is_switched_and_the_template_told_as_in_chats(
    more: dict[str, Any], wanted: bool, told: dict[str, str]
) -> None:
    chat = chat_of(**more)

    assert chat.reasoning is wanted
    assert orjson.loads(chat.template_arguments or "{}") == told


def test_logprobs_are_told_when_they_are_included() -> None:
    wanted = chat_of(include=["message.output_text.logprobs"], top_logprobs=3)
    only_chosen = chat_of(include=["message.output_text.logprobs"])

    assert wanted.options.top_logprobs == 3
    assert only_chosen.options.HasField("top_logprobs")
    assert not chat_of(include=["reasoning.encrypted_content"]).options.HasField("top_logprobs")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conversation", "conv_1"),
        ("prompt", {"id": "p"}),
        ("context_management", [{"type": "compaction"}]),
        ("moderation", {"model": "m"}),
        ("n", 2),
        ("response_format", {"type": "json_object"}),
        ("guided_json", {"type": "object"}),
        ("grammar", 'root ::= "x"'),
        ("functions", [{"name": "f"}]),
        ("reasoning_effort", "low"),
        ("truncate_prompt_tokens", 5),
        ("mirostat", 2),
        ("dry_multiplier", 0.8),
        ("use_beam_search", True),
        ("tool_choice", {"type": "web_search"}),
        ("text", {"format": {"type": "grammar"}}),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
        ("input", [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]),
    ],
)
def test_what_can_not_be_done_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(CallFailed) as raised:
        request_of(**{field: value})

    error = raised.value.error
    assert error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert error.metadata["parameter"].startswith(field)


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"input": None}, "input", "FIELD_INVALID"),
        ({"input": []}, "input", "FIELD_INVALID"),
        ({"input": 7}, "input", "BODY_MALFORMED"),
        ({"input": ["x"]}, "input[0]", "BODY_MALFORMED"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "FIELD_INVALID"),
        ({"input": [{"role": "user"}]}, "input[0].content", "FIELD_INVALID"),
        (
            {"input": [{"type": "function_call", "call_id": "c", "name": "f"}]},
            "input[0].arguments",
            "FIELD_INVALID",
        ),
        ({"tool_choice": "sometimes"}, "tool_choice", "FIELD_INVALID"),
        ({"tool_choice": 7}, "tool_choice", "BODY_MALFORMED"),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "FIELD_INVALID"),
        ({"tools": [{"type": "namespace"}]}, "tools[0].name", "FIELD_INVALID"),
        ({"tools": [{"type": "namespace", "name": "n"}]}, "tools[0].tools", "FIELD_INVALID"),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]},
            "tools[0].tools[0].name",
            "FIELD_INVALID",
        ),
        ({"truncation": "middle"}, "truncation", "FIELD_INVALID"),
        ({"truncation": 7}, "truncation", "BODY_MALFORMED"),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "f"}],
                }
            },
            "tool_choice.tools",
            "FIELD_INVALID",
        ),
        ({"reasoning": {"effort": "much"}}, "reasoning.effort", "FIELD_INVALID"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema", "FIELD_INVALID"),
        ({"metadata": {"a": 1}}, "metadata.a", "BODY_MALFORMED"),
        ({"top_logprobs": 2}, "top_logprobs", "FIELD_INVALID"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(CallFailed) as raised:
        request_of(**body)

    error = raised.value.error
    assert ErrorReason.Name(error.reason) == reason
    assert [violation.field for violation in error.field_violations] == [field]


@pytest.mark.parametrize(
    ("contract", "theirs"),
    [
        ("chat.sampling.max_tokens", "max_output_tokens"),
        ("chat.messages[3].content", "input"),
        ("chat.messages", "input"),
        ("chat.drop_oldest", "truncation"),
        ("chat.tool_choice.name", "tool_choice"),
        ("chat.tools[0].name", "tools[0].name"),
        ("chat.format.json_schema", "text.format.schema"),
        ("chat.options.top_logprobs", "top_logprobs"),
        ("previous_response_id", "previous_response_id"),
        ('metadata["a"]', 'metadata["a"]'),
    ],
)
def test_fields_of_the_contract_are_called_as_in_the_request(contract: str, theirs: str) -> None:
    call = create_response(incoming({"input": "x", "max_output_tokens": 5}))

    assert call.field_name(contract) == theirs
