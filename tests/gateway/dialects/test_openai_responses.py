"""OpenAI's routes to the responses that are kept."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty
from openai.types.responses.response_input_item import ResponseInputItem
from pydantic import TypeAdapter

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ApplyTemplateResponse, Message, ToolCall
from funland.v1.responses_pb2 import (
    CancelResponseRequest,
    ListResponseInputResponse,
    Response,
    ResponseEvent,
)
from funland_gateway.dialects.dialect import Named, Streaming, Unary
from funland_gateway.dialects.openai.responses import (
    cancel_response,
    count_input_tokens,
    delete_response,
    list_input_items,
    retrieve_response,
)
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.kept import ID, answer_of, complete, incoming, request_of

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
    call = list_input_items(incoming(query=query))
    return answer_of(call, complete(), ListResponseInputResponse(messages=MESSAGES))


def test_what_a_response_answers_is_listed_as_items_that_can_be_sent_again() -> None:
    items = items_of(order="asc")["data"]

    assert [item["type"] for item in items] == [
        "message", "message", "reasoning", "message", "function_call", "function_call_output",
    ]  # fmt: skip
    TypeAdapter(list[ResponseInputItem]).validate_python(items)
    assert list(request_of(input=items).chat.messages) == MESSAGES


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


def test_a_delete_says_what_it_deleted() -> None:
    answer = answer_of(delete_response(incoming()), complete(), Empty())

    assert answer == {"id": ID, "object": "response", "deleted": True}


def test_a_cancel_answers_with_the_response_as_it_then_is() -> None:
    call = cancel_response(incoming())

    assert isinstance(call, Unary)
    then = call.answer(complete())
    assert isinstance(then, Unary)
    assert then.rpc.full_name == "funland.v1.ResponseService.CancelResponse"
    assert then.message == CancelResponseRequest(response_id=ID)
    cancelled = Response(response_id=ID, state=Response.CANCELLED, background=True)
    assert answer_of(call, complete(), cancelled)["status"] == "cancelled"


def events_of(call: Any, *events: ResponseEvent) -> list[Any]:
    assert isinstance(call, Streaming)
    assert call.rpc.full_name == "funland.v1.ResponseService.WatchResponse"
    return [
        orjson.loads(made.data)
        for event in events
        for made in call.events(event)
        if isinstance(made, Named)
    ]


def test_a_kept_response_can_be_followed() -> None:
    call = retrieve_response(incoming(query={"stream": "true"}))

    created = ResponseEvent(created=complete(background=True))
    events = events_of(call, created, ResponseEvent(completed=complete(background=True)))

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"


def test_events_that_the_caller_has_are_left_out() -> None:
    call = retrieve_response(incoming(query={"stream": "true", "starting_after": "1"}))

    events = events_of(
        call,
        ResponseEvent(created=complete(background=True)),
        ResponseEvent(completed=complete(background=True)),
    )

    assert events[0]["sequence_number"] == 2


def test_only_what_is_made_in_the_background_can_be_taken_up_again() -> None:
    call = retrieve_response(incoming(query={"stream": "true", "starting_after": "1"}))

    with pytest.raises(CallFailed) as raised:
        events_of(call, ResponseEvent(created=complete()))

    assert raised.value.error.field_violations[0].field == "starting_after"


@pytest.mark.parametrize(
    ("name", "value"), [("stream", "perhaps"), ("starting_after", "-1"), ("starting_after", "x")]
)
def test_a_wrong_parameter_of_a_stream_is_named(name: str, value: str) -> None:
    with pytest.raises(CallFailed) as raised:
        retrieve_response(incoming(query={name: value}))

    assert raised.value.error.field_violations[0].field == name


@pytest.mark.parametrize(
    "ask", [retrieve_response, delete_response, cancel_response, list_input_items]
)
def test_a_chat_completion_is_not_found_among_the_responses(ask: Any) -> None:
    call = ask(incoming())

    with pytest.raises(CallFailed) as raised:
        call.answer(complete(collection="chat.completions"))

    error = raised.value.error
    assert (error.code, error.reason) == ("NOT_FOUND", ErrorReason.RESPONSE_NOT_FOUND)
    assert error.message == call.words[ErrorReason.RESPONSE_NOT_FOUND]


def test_a_chat_completion_can_not_be_followed_as_a_response() -> None:
    call = retrieve_response(incoming(query={"stream": "true"}))

    with pytest.raises(CallFailed) as raised:
        events_of(call, ResponseEvent(created=complete(collection="chat.completions")))

    assert raised.value.error.reason == ErrorReason.RESPONSE_NOT_FOUND


def test_tokens_are_counted_with_the_instructions() -> None:
    call = count_input_tokens(incoming({"input": "Hello", "instructions": "Be kind."}))

    assert call.rpc.name == "ApplyTemplate"
    messages: Any = call.message
    assert [message.content for message in messages.chat.messages] == ["Be kind.", "Hello"]
    assert answer_of(call, ApplyTemplateResponse(tokens=[1, 2, 3])) == {
        "object": "response.input_tokens",
        "input_tokens": 3,
    }
