"""Anthropic's messages, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from funland.v1 import errors_pb2
from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ChatRequest,
    ChatResponse,
    Delta,
    Finish,
    GenerationEvent,
    GenerationOptions,
    Message,
    OutputFormat,
    Prefill,
    SamplingParameters,
    Start,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from funland_gateway.dialects.anthropic.errors import ENVELOPE
from funland_gateway.dialects.anthropic.routes import ANTHROPIC, count_tokens, create_message
from funland_gateway.dialects.dialect import Named, Streaming, Unary
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.asked import asked, told

USER, ASSISTANT = Message.USER, Message.ASSISTANT
HELLO = {"role": "user", "content": "Hello"}
SCHEMA = {"type": "object", "properties": {"wet": {"type": "boolean"}}}
USAGE = Usage(
    prompt_tokens=9,
    cached_prompt_tokens=4,
    completion_tokens=5,
    total_tokens=14,
    reasoning_tokens=2,
)


def chat(**body: Any) -> ChatRequest:
    call = create_message(asked({"max_tokens": 5, "messages": [HELLO], **body}))
    assert isinstance(call.message, ChatRequest)
    return call.message


def messages(*said: dict[str, Any], **body: Any) -> list[Message]:
    return list(chat(messages=list(said), **body).messages)


def refusal(**body: Any) -> Error:
    with pytest.raises(CallFailed) as caught:
        create_message(asked({"max_tokens": 5, "messages": [HELLO], **body}))
    return caught.value.error


def events(call: Any, *came: GenerationEvent) -> list[tuple[str, Any]]:
    """What a stream sends, with the names of its events."""
    assert isinstance(call, Streaming)
    sent = [made for event in came for made in call.events(event)]
    assert all(isinstance(each, Named) for each in sent)
    return [(each.name, orjson.loads(each.data)) for each in sent if isinstance(each, Named)]


def test_a_request_becomes_the_contracts() -> None:
    tool = {"name": "weather", "description": "Rain?", "input_schema": SCHEMA}

    request = chat(
        model="tiny",
        system="Be kind.",
        temperature=0.5,
        top_k=7,
        stop_sequences=["\n"],
        tools=[tool],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 2048},
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
        metadata={"user_id": "somebody"},
        service_tier="auto",
        stream=True,
    )

    assert request == ChatRequest(
        model="tiny",
        messages=[
            Message(role=Message.SYSTEM, content="Be kind."),
            Message(role=USER, content="Hello"),
        ],
        sampling=SamplingParameters(temperature=0.5, top_k=7, stop=["\n"], max_tokens=5),
        options=GenerationOptions(progress=True),
        tools=[Tool(name="weather", description="Rain?", parameters=orjson.dumps(SCHEMA).decode())],
        tool_choice=ToolChoice(mode=ToolChoice.REQUIRED),
        parallel_tool_calls=False,
        reasoning=True,
        template_arguments='{"reasoning_effort":"low"}',
        format=OutputFormat(json_schema=orjson.dumps(SCHEMA).decode()),
    )


@pytest.mark.parametrize(
    ("thinking", "thinks"),
    [(None, False), ({"type": "disabled"}, False), ({"type": "adaptive"}, True)],
)
def test_a_model_thinks_only_if_it_is_asked_to(thinking: Any, thinks: bool) -> None:
    assert chat(thinking=thinking).reasoning is thinks


def test_results_of_tools_are_messages_of_their_own() -> None:
    call = {"type": "tool_use", "id": "a", "name": "weather", "input": {"wet": True}}
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "dry"}]},
        {"type": "tool_result", "tool_use_id": "a", "content": "gone", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b"},
    ]
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    kept = {"type": "redacted_thinking", "data": "x"}

    assert messages(
        HELLO,
        {"role": "assistant", "content": [thought, kept, {"type": "text", "text": "So:"}, call]},
        {"role": "user", "content": [*results, {"type": "text", "text": "And now?"}]},
    ) == [
        Message(role=USER, content="Hello"),
        Message(
            role=ASSISTANT,
            content="So:",
            reasoning="Hm.",
            tool_calls=[ToolCall(id="a", name="weather", arguments='{"wet":true}')],
        ),
        Message(role=Message.TOOL, content="dry", tool_call_id="a", name="weather"),
        Message(role=Message.TOOL, content="Error: gone", tool_call_id="a", name="weather"),
        Message(role=Message.TOOL, content="", tool_call_id="b"),
        Message(role=USER, content="And now?"),
    ]


def test_messages_of_the_same_role_are_one() -> None:
    assert messages(HELLO, {"role": "user", "content": "World"}) == [
        Message(role=USER, content="Hello\nWorld")
    ]


def test_texts_of_documents_are_told() -> None:
    plain = {"type": "text", "media_type": "text/plain", "data": "It rains."}
    document = {"type": "document", "title": "Weather", "source": plain}
    found: dict[str, Any] = {
        "type": "search_result",
        "title": "News",
        "source": "here",
        "content": [],
    }

    (message,) = messages({"role": "user", "content": [document, found]})

    assert message.content == "Weather\nIt rains.\nNews\nhere"


@pytest.mark.parametrize(
    ("system", "told_system"),
    [
        ("x-anthropic-billing-header: cch=1;\nBe kind.", "Be kind."),
        ([{"type": "text", "text": "x-anthropic-billing-header: cch=1;"}], ""),
        ("Say x-anthropic-billing-header: no.", "Say x-anthropic-billing-header: no."),
    ],
)
def test_what_is_another_in_each_call_is_not_told(system: Any, told_system: str) -> None:
    (first, *_) = messages(HELLO, system=system)

    assert (first.content if first.role == Message.SYSTEM else "") == told_system


def test_the_models_own_last_words_are_gone_on_with() -> None:
    assert chat(messages=[HELLO, {"role": "assistant", "content": "Hi"}]).continue_last
    assert not chat(messages=[HELLO]).continue_last


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"tools": [{"name": "a"}]}, "tools[0].input_schema"),
        ({"tools": [{"name": "a", "input_schema": SCHEMA}], "tool_choice": {"type": "x"}},
         "tool_choice.type"),
        ({"thinking": {"type": "x"}}, "thinking.type"),
        ({"output_config": {"format": {"type": "x"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    assert [each.field for each in refusal(**body).field_violations] == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"container": "x"}, "container"),
        ({"compaction": {"type": "enabled"}}, "compaction"),
        ({"thread": {"type": "create"}}, "thread"),
        ({"mcp_servers": ["x"]}, "mcp_servers"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "video"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "base64", "data": ""}}]}]},
            "messages[0].content[0].source.type",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_had_is_refused_by_its_name(body: dict[str, Any], field: str) -> None:
    error = refusal(**body)

    assert (error.reason, error.metadata["parameter"]) == (errors_pb2.PARAMETER_UNSUPPORTED, field)


def test_fields_of_the_contract_have_the_requests_names() -> None:
    body = {
        "max_tokens": 5,
        "messages": [HELLO],
        "stop_sequences": ["x"],
        "tools": [{"name": "a", "input_schema": SCHEMA}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    }
    call = create_message(asked(body))
    counting = count_tokens(asked(body))

    assert call.field_name("sampling.stop[0]") == "stop_sequences[0]"
    assert call.field_name("tools[0].parameters") == "tools[0].input_schema"
    assert call.field_name("format.json_schema") == "output_config.format.schema"
    assert call.field_name("messages[0].content") == "messages[0].content"
    assert counting.field_name("chat.tools[0].parameters") == "tools[0].input_schema"
    assert call.blames[errors_pb2.CONSTRAINT_INVALID] == "output_config.format.schema"


def test_a_whole_answer() -> None:
    call = create_message(asked({"max_tokens": 5, "messages": [HELLO]}))
    assert isinstance(call, Unary)
    calls = [
        ToolCall(id="a", name="weather", arguments='{"wet":true}'),
        ToolCall(id="b", name="weather", arguments='{"wet":'),
    ]
    said = Message(role=ASSISTANT, content="Hi", reasoning="Hm.", tool_calls=calls)

    answer = told(
        call,
        ChatResponse(
            id="7", model="tiny", message=said, finish_reason=Finish.TOOL_CALLS, usage=USAGE
        ),
    )

    assert answer == {
        "id": "msg_7",
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "a", "name": "weather", "input": {"wet": True}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 2},
        },
    }


def test_a_stream_has_a_block_for_each_thing_that_is_said() -> None:
    call = create_message(asked({"max_tokens": 5, "messages": [HELLO], "stream": True}))
    first = ToolCallDelta(index=0, id="a", name="weather", arguments='{"wet"')
    second = ToolCallDelta(index=1, id="b", name="weather")

    sent = events(
        call,
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(prefill=Prefill(done=4, total=9, cached=4)),
        GenerationEvent(prefill=Prefill(done=9, total=9, cached=4)),
        GenerationEvent(delta=Delta(reasoning="Hm.")),
        GenerationEvent(delta=Delta(text="H")),
        GenerationEvent(delta=Delta(text="i", tool_calls=[first])),
        GenerationEvent(delta=Delta(tool_calls=[ToolCallDelta(arguments=":true}"), second])),
        GenerationEvent(finish=Finish(reason=Finish.TOOL_CALLS, usage=USAGE)),
    )

    assert [name for name, _ in sent] == [event["type"] for _, event in sent]
    assert [(name, event.get("index")) for name, event in sent] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("content_block_start", 3),
        ("content_block_stop", 3),
        ("message_delta", None),
        ("message_stop", None),
    ]
    start, end = sent[0][1]["message"], sent[-2][1]
    assert (start["id"], start["usage"]["input_tokens"]) == ("msg_7", 5)
    assert start["usage"]["cache_read_input_tokens"] == 4
    assert end["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert end["usage"]["output_tokens"] == 5
    parts = [event["delta"]["partial_json"] for _, event in sent if event.get("index") == 2
             and event["type"] == "content_block_delta"]  # fmt: skip
    assert parts == ['{"wet"', ":true}"]


def test_thoughts_that_are_not_wanted_are_not_told() -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    body = {"max_tokens": 5, "messages": [HELLO], "stream": True, "thinking": thinking}

    sent = events(
        create_message(asked(body)),
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(delta=Delta(reasoning="Hm.")),
        GenerationEvent(finish=Finish(reason=Finish.LENGTH, usage=USAGE)),
    )

    assert [name for name, _ in sent] == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("INVALID_ARGUMENT", 400, "invalid_request_error"),
        ("UNAUTHENTICATED", 401, "authentication_error"),
        ("PERMISSION_DENIED", 403, "permission_error"),
        ("NOT_FOUND", 404, "not_found_error"),
        ("RESOURCE_EXHAUSTED", 429, "rate_limit_error"),
        ("INTERNAL", 500, "api_error"),
        ("UNAVAILABLE", 529, "overloaded_error"),
    ],
)
def test_errors_are_anthropics(code: str, status: int, kind: str) -> None:
    error = Error(code=code, message="No.", request_id="r")

    assert ENVELOPE.status(error) == status
    assert ENVELOPE.failure(error) == {
        "type": "error",
        "error": {"type": kind, "message": "No."},
        "request_id": "r",
    }


def test_counting_asks_for_the_same_chat() -> None:
    call = count_tokens(asked({"messages": [HELLO]}))

    assert isinstance(call.message, ApplyTemplateRequest)
    assert list(call.message.chat.messages) == [Message(role=USER, content="Hello")]


def test_it_has_these_endpoints() -> None:
    assert {(route.method, route.path) for route in ANTHROPIC.documented_routes} == {
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
    }
