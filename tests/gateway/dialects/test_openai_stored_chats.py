"""Chat completions that are kept, and OpenAI's routes to them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty
from openai.types.chat import ChatCompletion

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    Delta,
    Finish,
    GenerationEvent,
    GenerationOptions,
    Message,
    Queued,
    SamplingParameters,
    Start,
    Timings,
    TokenLogprob,
    ToolCall,
)
from funland.v1.responses_pb2 import (
    CreateResponseRequest,
    GetResponseRequest,
    ListResponseInputResponse,
    ListResponsesRequest,
    ListResponsesResponse,
    Response,
    ResponseEvent,
    UpdateResponseRequest,
)
from funland_gateway.dialects.dialect import Streaming, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.stored_chats import (
    delete_chat_completion,
    list_chat_completions,
    list_chat_messages,
    retrieve_chat_completion,
    update_chat_completion,
)
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.kept import USAGE, answer_of, complete, incoming

ID = "chatcmpl-1f"
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}


def create(**body: Any) -> Unary | Streaming:
    return create_chat_completion(incoming({**HELLO, **body}))


def chat(**fields: Any) -> Response:
    return complete(collection="chat.completions", finish_reason=Finish.STOP, **fields)


def test_a_chat_that_is_to_be_kept_is_a_response_of_their_collection() -> None:
    call = create(store=True, metadata={"topic": "test"}, model="tiny", max_tokens=7)

    assert isinstance(call, Unary)
    assert call.rpc.full_name == "funland.v1.ResponseService.CreateResponse"
    assert call.message == CreateResponseRequest(
        chat=ChatRequest(
            model="tiny",
            messages=[Message(role=Message.USER, content="Hello")],
            sampling=SamplingParameters(max_tokens=7),
        ),
        store=True,
        collection="chat.completions",
        metadata={"topic": "test"},
    )


def test_calls_are_found_again_as_their_caller_knows_them() -> None:
    tools: list[dict[str, Any]] = [
        {"type": "custom", "custom": {"name": "patch"}},
        {"type": "namespace", "name": "mcp", "tools": [{"type": "function", "name": "list"}]},
    ]
    call = create(store=True, tools=tools)
    assert isinstance(call.message, CreateResponseRequest)
    said = Message(role=Message.ASSISTANT)
    said.tool_calls.add(id="c1", name="patch", arguments='{"input":"x"}')
    said.tool_calls.add(id="c2", name="mcp__list", arguments="{}")
    kept = chat(request=call.message.chat, timings=Timings(decode_ms=8))
    kept.output.CopyFrom(said)

    made = answer_of(call, kept)
    found = answer_of(retrieve_chat_completion(incoming(path=ID)), kept)
    listed = answer_of(
        list_chat_messages(incoming(path=ID)), kept, ListResponseInputResponse(messages=[said])
    )

    assert made == found
    calls = found["choices"][0]["message"]["tool_calls"]
    assert calls[0] == {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "x"}}
    assert (calls[1]["namespace"], calls[1]["function"]["name"]) == ("mcp", "list")
    assert listed["data"][0]["tool_calls"] == calls
    assert found["timings"]["predicted_ms"] == 8


@pytest.mark.parametrize("store", [False, None])
def test_others_are_chats_as_ever(store: bool | None) -> None:
    assert create(store=store).rpc.full_name == "funland.v1.InferenceService.Chat"


def test_what_was_answered_is_what_is_found_later() -> None:
    kept = chat(metadata={"topic": "test"})

    made = answer_of(create(store=True), kept)
    found = answer_of(retrieve_chat_completion(incoming(path=ID)), kept)

    assert made == found
    completion = ChatCompletion.model_validate(found, strict=True)
    assert (completion.id, completion.created) == (ID, 1_700_000_000)
    assert completion.choices[0].message.content == "Hi"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.metadata == {"topic": "test"}
    assert completion.usage is not None
    assert completion.usage.total_tokens == USAGE.total_tokens


def test_logprobs_and_calls_are_found_again() -> None:
    kept = chat(
        request=ChatRequest(options=GenerationOptions(top_logprobs=0)),
        logprobs=[TokenLogprob(token=b"Hi", logprob=-1)],
    )
    kept.output.tool_calls.append(ToolCall(id="c1", name="weather", arguments="{}"))

    found = answer_of(retrieve_chat_completion(incoming(path=ID)), kept)

    (choice,) = ChatCompletion.model_validate(found, strict=True).choices
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert [each.token for each in choice.logprobs.content] == ["Hi"]
    assert choice.message.tool_calls is not None
    assert choice.message.tool_calls[0].id == "c1"


def test_the_chunks_of_one_that_is_kept_are_those_of_any_other() -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    deltas = [Delta(text="H"), Delta(text="i", reasoning="Hm")]
    plain = [
        GenerationEvent(queued=Queued(position=1)),
        GenerationEvent(start=Start(id="1f", model="tiny")),
        *(GenerationEvent(delta=delta) for delta in deltas),
        GenerationEvent(finish=Finish(reason=Finish.STOP, usage=USAGE)),
    ]
    kept = [
        ResponseEvent(queued=Queued(position=1)),
        ResponseEvent(created=Response(response_id="resp_1f", model="tiny")),
        *(ResponseEvent(delta=delta) for delta in deltas),
        ResponseEvent(completed=chat()),
    ]

    chunks: list[list[Any]] = []
    for body, events in (({}, plain), ({"store": True}, kept)):
        call = create(**options, **body)
        assert isinstance(call, Streaming)
        chunks.append([chunk for event in events for chunk in call.events(event)])
        assert call.is_last(events[-1])

    assert chunks[0] == chunks[1]
    assert orjson.loads(chunks[0][0])["id"] == ID


@pytest.mark.parametrize(
    ("parameter", "fields"),
    [("n", {"n": 2}), ("return_progress", {"stream": True, "return_progress": True})],
)
def test_what_can_not_be_had_of_a_kept_completion_is_refused(
    parameter: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(CallFailed) as raised:
        create(store=True, **fields)

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter


def test_fields_of_the_contract_are_called_as_in_the_request() -> None:
    call = create(store=True, max_completion_tokens=7)

    assert call.field_name("chat.sampling.max_tokens") == "max_completion_tokens"
    assert call.field_name("chat.messages[0].content") == "messages[0].content"
    assert call.field_name('metadata["a"]') == 'metadata["a"]'


def test_a_list_asks_for_a_page_of_the_collection() -> None:
    query = {"after": ID, "limit": "2", "order": "desc", "model": "tiny", "metadata[topic]": "test"}
    call = list_chat_completions(incoming(query=query))

    assert call.message == ListResponsesRequest(
        collection="chat.completions",
        model="tiny",
        metadata={"topic": "test"},
        page_size=2,
        page_token="resp_1f",  # noqa: S106 - a place in a list
    )
    assert call.field_name("page_token") == "after"
    second = chat()
    second.response_id = "resp_2f"
    found = ListResponsesResponse(responses=[chat(), second])
    found.next_page_token = second.response_id
    listed = answer_of(call, found)
    assert [each["id"] for each in listed["data"]] == [ID, "chatcmpl-2f"]
    assert (listed["object"], listed["has_more"]) == ("list", True)
    assert (listed["first_id"], listed["last_id"]) == (ID, "chatcmpl-2f")


def test_a_list_begins_with_the_oldest() -> None:
    call = list_chat_completions(incoming())

    assert call.message == ListResponsesRequest(
        collection="chat.completions", ascending=True, page_size=20
    )
    empty: dict[str, Any] = {
        "object": "list",
        "data": [],
        "first_id": "",
        "last_id": "",
        "has_more": False,
    }
    assert answer_of(call, ListResponsesResponse()) == empty


def test_one_that_has_not_ended_has_no_finish_reason() -> None:
    begun = Response(response_id="resp_1f", collection="chat.completions", state=Response.QUEUED)

    listed = answer_of(list_chat_completions(incoming()), ListResponsesResponse(responses=[begun]))

    assert listed["data"][0]["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize(
    ("metadata", "expected"), [({"topic": "new"}, {"topic": "new"}), (None, {})]
)
def test_an_update_replaces_the_metadata(metadata: Any, expected: dict[str, str]) -> None:
    call = update_chat_completion(incoming({"metadata": metadata}, ID))

    assert call.message == GetResponseRequest(response_id="resp_1f")
    then = call.answer(chat())
    assert isinstance(then, Unary)
    assert then.message == UpdateResponseRequest(response_id="resp_1f", metadata=expected)
    assert answer_of(then, chat(metadata=expected))["metadata"] == expected


def test_an_update_needs_metadata() -> None:
    with pytest.raises(CallFailed) as raised:
        update_chat_completion(incoming({}, ID))

    assert raised.value.error.field_violations[0].field == "metadata"


def test_a_delete_says_what_it_deleted() -> None:
    answer = answer_of(delete_chat_completion(incoming(path=ID)), chat(), Empty())

    assert answer == {"id": ID, "object": "chat.completion.deleted", "deleted": True}


def messages_of(**query: str) -> dict[str, Any]:
    messages = [
        Message(role=Message.SYSTEM, content="Be brief."),
        Message(role=Message.USER, content="Rain?", name="Anna"),
        Message(
            role=Message.ASSISTANT,
            tool_calls=[ToolCall(id="c1", name="weather", arguments="{}")],
        ),
        Message(role=Message.TOOL, content="dry", tool_call_id="c1", name="weather"),
    ]
    call = list_chat_messages(incoming(path=ID, query=query))
    return answer_of(call, chat(), ListResponseInputResponse(messages=messages))


def test_its_messages_are_those_of_the_request_with_ids() -> None:
    listed = messages_of()

    assert [each["role"] for each in listed["data"]] == ["system", "user", "assistant", "tool"]
    assert [each["id"] for each in listed["data"]] == [f"{ID}-{number}" for number in range(4)]
    assert listed["data"][1] == {
        "id": f"{ID}-1", "role": "user", "content": "Rain?", "name": "Anna", "content_parts": None
    }  # fmt: skip
    assert listed["data"][2]["tool_calls"][0]["function"]["name"] == "weather"
    assert listed["data"][3]["tool_call_id"] == "c1"


def test_messages_have_pages() -> None:
    first = messages_of(limit="3")
    rest = messages_of(limit="3", after=first["last_id"])

    assert [first["has_more"], rest["has_more"]] == [True, False]
    assert first["data"] + rest["data"] == messages_of()["data"]
    assert messages_of(order="desc")["data"] == messages_of()["data"][::-1]


@pytest.mark.parametrize(
    "ask", [retrieve_chat_completion, delete_chat_completion, list_chat_messages]
)
def test_a_response_is_not_found_among_the_chat_completions(ask: Any) -> None:
    call = ask(incoming(path=ID))

    with pytest.raises(CallFailed) as raised:
        call.answer(complete())

    error = raised.value.error
    assert (error.code, error.reason) == ("NOT_FOUND", ErrorReason.RESPONSE_NOT_FOUND)
    assert error.message == f"No chat completion {ID!r} is kept."
    assert call.words[ErrorReason.RESPONSE_NOT_FOUND] == error.message
