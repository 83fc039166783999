"""OpenAI's responses, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty
from openai.types.responses import (
    Response as OpenAIResponse,
)
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage
from openai.types.responses.response_input_item import ResponseInputItem
from pydantic import TypeAdapter

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    ApplyTemplateResponse,
    ChatRequest,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolChoice,
    Usage,
)
from funland.v1.responses_pb2 import (
    CreateResponseRequest,
    ListResponseInputResponse,
    Response,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary
from funland_gateway.dialects.openai.responses import (
    cancel_response,
    count_input_tokens,
    create_response,
    delete_response,
    list_input_items,
    retrieve_response,
)
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

ID = "resp_1f"
USAGE = Usage(
    prompt_tokens=5, completion_tokens=4, total_tokens=9, cached_prompt_tokens=3, reasoning_tokens=2
)
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tells it.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}


def incoming(body: Mapping[str, Any], path: str = "", **query: str) -> Incoming:
    return Incoming(JsonObject(body), {"response_id": path}, 1_700_000_000, query)


def request_of(**body: Any) -> CreateResponseRequest:
    call = create_response(incoming({"input": "Hello", **body}))
    assert isinstance(call.message, CreateResponseRequest)
    return call.message


def chat_of(**body: Any) -> ChatRequest:
    return request_of(**body).chat


def answer_of(call: Unary | Streaming, response: Any) -> Any:
    assert isinstance(call, Unary)
    reply = call.answer(response)
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


def complete(**fields: Any) -> Response:
    response = Response(
        response_id=ID,
        state=Response.COMPLETED,
        model="tiny",
        output=Message(role=Message.ASSISTANT, content="Hi"),
        usage=USAGE,
        stored=True,
    )
    response.create_time.FromSeconds(1_700_000_000)
    response.MergeFrom(Response(**fields))
    return response


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


def test_a_stream_calls_the_streaming_rpc() -> None:
    call = create_response(incoming({"input": "Hello", "stream": True}))

    assert isinstance(call, Streaming)
    assert call.rpc.full_name == "funland.v1.ResponseService.StreamResponse"


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


def test_how_much_thought_is_wanted_is_told_to_the_template() -> None:
    chat = chat_of(reasoning={"effort": "high", "summary": "auto"})

    assert chat.reasoning
    assert chat.template_arguments == '{"reasoning_effort":"high"}'
    kept = answer_of(retrieve_response(incoming({}, ID)), complete(request=chat))
    assert kept["reasoning"]["effort"] == "high"


def test_logprobs_are_told_when_they_are_included() -> None:
    wanted = chat_of(include=["message.output_text.logprobs"], top_logprobs=3)
    only_chosen = chat_of(include=["message.output_text.logprobs"])

    assert wanted.options.top_logprobs == 3
    assert only_chosen.options.HasField("top_logprobs")
    assert not chat_of(include=["reasoning.encrypted_content"]).options.HasField("top_logprobs")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("background", True),
        ("conversation", "conv_1"),
        ("prompt", {"id": "p"}),
        ("context_management", [{"type": "compaction"}]),
        ("moderation", {"model": "m"}),
        ("truncation", "auto"),
        ("tools", [{"type": "web_search"}]),
        ("tool_choice", {"type": "web_search"}),
        ("text", {"format": {"type": "grammar"}}),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
        ("input", [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]),
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


def test_an_answer_has_the_shape_that_the_official_client_parses() -> None:
    call = create_response(
        incoming(
            {
                "input": "Hello",
                "tools": [WEATHER],
                "temperature": 0.7,
                "text": {"verbosity": "low"},
                "user": "somebody",
            }
        )
    )

    answer = answer_of(call, complete(metadata={"topic": "test"}))

    parsed = OpenAIResponse.model_validate(answer)
    assert parsed.id == ID
    assert parsed.status == "completed"
    assert parsed.output_text == "Hi"
    assert parsed.usage is not None
    assert parsed.usage.input_tokens_details.cached_tokens == 3
    assert parsed.usage.output_tokens_details.reasoning_tokens == 2
    assert parsed.metadata == {"topic": "test"}
    assert answer["tools"] == [WEATHER]
    assert answer["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (answer["temperature"], answer["top_p"], answer["user"]) == (0.7, 0.95, "somebody")


def test_a_kept_response_tells_its_request_again() -> None:
    request = ChatRequest(
        sampling=SamplingParameters(temperature=0.7, max_tokens=5),
        tools=[Tool(name="f", parameters='{"type":"object"}')],
        tool_choice=ToolChoice(mode=ToolChoice.REQUIRED, name="f"),
        format=OutputFormat(json_schema='{"type":"null"}'),
        parallel_tool_calls=False,
        reasoning=False,
    )

    answer = answer_of(retrieve_response(incoming({}, ID)), complete(request=request))

    assert OpenAIResponse.model_validate(answer).tools
    assert (answer["temperature"], answer["max_output_tokens"]) == (0.7, 5)
    assert answer["tool_choice"] == {"type": "function", "name": "f"}
    assert answer["text"]["format"]["schema"] == {"type": "null"}
    assert answer["parallel_tool_calls"] is False
    assert answer["reasoning"]["effort"] == "none"


def test_an_answer_is_thought_then_text_then_calls() -> None:
    call = ToolCall(id="c1", name="weather", arguments="{}")
    output = Message(reasoning="Hm", content="", tool_calls=[call])

    answer = answer_of(retrieve_response(incoming({}, ID)), complete(output=output))

    reasoning, message, function = OpenAIResponse.model_validate(answer).output
    assert reasoning.type == "reasoning"
    assert isinstance(message, ResponseOutputMessage)
    assert isinstance(function, ResponseFunctionToolCall)
    assert (function.call_id, function.name, function.arguments) == ("c1", "weather", "{}")


def test_an_answer_that_was_cut_off_is_incomplete() -> None:
    answer = answer_of(retrieve_response(incoming({}, ID)), complete(state=Response.INCOMPLETE))

    parsed = OpenAIResponse.model_validate(answer)
    assert parsed.status == "incomplete"
    assert parsed.incomplete_details is not None
    assert parsed.incomplete_details.reason == "max_output_tokens"
    assert answer["output"][-1]["status"] == "incomplete"


def test_logprobs_are_those_of_the_text() -> None:
    tokens = [b"<think>", b"Hm", b"</think>", "你".encode()[:2], "你".encode()[2:], b"!", b"<end>"]
    response = complete(
        logprobs=[
            TokenLogprob(
                token_id=number,
                token=token,
                logprob=-0.5,
                top=[TokenLogprob(token=token, logprob=-0.5)],
            )
            for number, token in enumerate(tokens)
        ]
    )
    response.output.content = "你!"

    answer = answer_of(retrieve_response(incoming({}, ID)), response)

    part = answer["output"][0]["content"][0]
    assert [bytes(token["bytes"]) for token in part["logprobs"]] == tokens[3:6]
    assert part["logprobs"][2] == {
        "token": "!",
        "bytes": [33],
        "logprob": -0.5,
        "top_logprobs": [{"token": "!", "bytes": [33], "logprob": -0.5}],
    }


MESSAGES = [
    Message(role=Message.SYSTEM, content="Be brief."),
    Message(role=Message.USER, content="Rain?"),
    Message(
        role=Message.ASSISTANT,
        reasoning="Hm",
        content="I look.",
        tool_calls=[ToolCall(id="c1", name="weather", arguments="{}")],
    ),
    Message(role=Message.TOOL, content="dry", tool_call_id="c1", name="weather"),
]


def items_of(**query: str) -> dict[str, Any]:
    call = list_input_items(incoming({}, ID, **query))
    return answer_of(call, ListResponseInputResponse(messages=MESSAGES))


def test_what_a_response_answers_is_listed_as_items_that_can_be_sent_again() -> None:
    items = items_of(order="asc")["data"]

    assert [item["type"] for item in items] == [
        "message", "message", "reasoning", "message", "function_call", "function_call_output",
    ]  # fmt: skip
    TypeAdapter(list[ResponseInputItem]).validate_python(items)
    assert list(chat_of(input=items).messages) == MESSAGES


def test_a_list_of_items_has_pages() -> None:
    whole = items_of()

    first = items_of(limit="4")
    rest = items_of(limit="4", after=first["last_id"])

    assert [first["has_more"], rest["has_more"]] == [True, False]
    assert first["data"] + rest["data"] == whole["data"]
    assert len({item["id"] for item in whole["data"]}) == 6
    assert whole["data"] == items_of(order="asc")["data"][::-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("limit", "many"), ("order", "up"), ("after", "nobody")],
)
def test_a_wrong_parameter_of_a_page_is_named(name: str, value: str) -> None:
    with pytest.raises(CallFailed) as raised:
        items_of(**{name: value})

    assert raised.value.error.field_violations[0].field == name


def test_a_kept_response_can_not_be_streamed_again() -> None:
    with pytest.raises(CallFailed) as raised:
        retrieve_response(incoming({}, ID, stream="true"))

    assert raised.value.error.metadata["parameter"] == "stream"


def test_a_delete_says_what_it_deleted() -> None:
    answer = answer_of(delete_response(incoming({}, ID)), Empty())

    assert answer == {"id": ID, "object": "response", "deleted": True}


def test_a_response_that_is_done_can_not_be_cancelled() -> None:
    call = cancel_response(incoming({}, ID))

    with pytest.raises(CallFailed) as raised:
        call.answer(complete())

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED


def test_tokens_are_counted_with_the_instructions() -> None:
    call = count_input_tokens(incoming({"input": "Hello", "instructions": "Be kind."}))

    assert call.rpc.name == "ApplyTemplate"
    messages: Any = call.message
    assert [message.content for message in messages.chat.messages] == ["Be kind.", "Hello"]
    assert answer_of(call, ApplyTemplateResponse(tokens=[1, 2, 3])) == {
        "object": "response.input_tokens",
        "input_tokens": 3,
    }


def test_a_failed_response_tells_openais_codes() -> None:
    codes = {
        "RESOURCE_EXHAUSTED": "rate_limit_exceeded",
        "INTERNAL": "server_error",
        "INVALID_ARGUMENT": "invalid_prompt",
    }
    for code, theirs in codes.items():
        failed = complete(state=Response.FAILED, error=Error(code=code, message="Why."))

        answer = answer_of(retrieve_response(incoming({}, ID)), failed)

        assert OpenAIResponse.model_validate(answer).status == "failed"
        assert answer["error"] == {"code": theirs, "message": "Why."}
        assert answer["output"] == []
