"""Nothing is lost in a stream: its parts together are the answer that is not streamed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland.v1.inference_pb2 import (
    ChatResponse,
    Delta,
    Finish,
    GenerateResponse,
    GenerationEvent,
    Message,
    Prefill,
    Start,
    Timings,
    Tool,
    Usage,
)
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_gateway.dialects.dialect import Incoming, Named, Reply, Streaming, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.responses import create_response, retrieve_response
from funland_gateway.dialects.reading import JsonObject
from funland_server.inference.texts import Text
from tests.gateway.dialects.cuts import deltas, letters
from tests.gateway.dialects.kept import answer_of, incoming

ADD = {"type": "function", "name": "add"}
PATCH = {"type": "custom", "name": "patch"}
FLAT = [ADD, {"type": "namespace", "name": "mcp", "tools": [ADD]}, PATCH]
NESTED = [
    {"type": "function", "function": {"name": "add"}},
    {"type": "namespace", "name": "mcp", "tools": [ADD]},
    {"type": "custom", "custom": {"name": "patch"}},
]
WIRE_TOOLS = [
    Tool(name="add"),
    Tool(name="mcp__add", namespace="mcp"),
    Tool(name="patch", free_form=True),
]
FINISH = Finish(
    reason=Finish.STOP,
    usage=Usage(prompt_tokens=5, completion_tokens=4, total_tokens=9, cached_prompt_tokens=2),
    timings=Timings(queue_ms=1, prompt_ms=6, decode_ms=8),
)


def whole(cuts: list[Delta]) -> Text:
    """The text of the events, as the server puts them together for a call that isn't streamed."""
    text = Text()
    for each in cuts:
        text.add(each)
    return text


def events(cuts: list[Delta]) -> list[GenerationEvent]:
    return [
        GenerationEvent(start=Start(id="7", model="tiny")),
        *(GenerationEvent(delta=each) for each in cuts),
        GenerationEvent(finish=FINISH),
    ]


def chunks_of(call: Any, cuts: list[Delta]) -> list[dict[str, Any]]:
    assert isinstance(call, Streaming)
    *data, done = [each for event in events(cuts) for each in call.events(event)]
    assert done == b"[DONE]"
    return [orjson.loads(chunk) for chunk in data if isinstance(chunk, bytes)]


def answer(call: Any, response: Any) -> dict[str, Any]:
    assert isinstance(call, Unary)
    reply = call.answer(response)
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


def chat(**body: Any) -> Any:
    messages = [{"role": "user", "content": "Hello"}]
    body = {"messages": messages, "logprobs": True, **body}
    return create_chat_completion(Incoming(JsonObject(body), {}, 1))


NO_TOKENS: dict[str, list[Any]] = {"content": [], "tokens": []}


def put_together(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The one choice of a stream, by OpenAI's rule: texts are joined, all else is set once."""
    message: dict[str, Any] = {}
    tokens: list[Any] = []
    for chunk in chunks:
        (choice,) = chunk["choices"]
        tokens += (choice["logprobs"] or NO_TOKENS)["content"]
        _join(message, choice["delta"])
    message["tool_calls"] = [call for _, call in sorted(message.pop("tool_calls", {}).items())]
    return {
        "message": {name: value for name, value in message.items() if value},
        "tokens": tokens,
        "finish_reason": chunks[-1]["choices"][0]["finish_reason"],
        "timings": chunks[-1]["timings"],
    }


def _join(into: dict[Any, Any], delta: dict[str, Any]) -> None:
    value: Any
    for name, value in delta.items():
        if name == "tool_calls":
            assert len(value) == 1, "Clients read the first entry alone."
            calls = into.setdefault("tool_calls", {})
            call: dict[str, Any] = {**value[0]}
            _join(calls.setdefault(call.pop("index"), {}), call)
        elif name in ("function", "custom", "function_call"):
            _join(into.setdefault(name, {}), value)
        elif isinstance(value, str) and name not in ("role", "id", "type", "name", "namespace"):
            into[name] = (into.get(name) or "") + value
        else:
            assert into.setdefault(name, value) == value


def of_one_piece(answered: dict[str, Any]) -> dict[str, Any]:
    """The one choice of an answer that isn't streamed, in the same form."""
    (choice,) = answered["choices"]
    message = {name: value for name, value in choice["message"].items() if value}
    return {
        "message": message,
        "tokens": choice["logprobs"]["content"],
        "finish_reason": choice["finish_reason"],
        "timings": answered["timings"],
    }


def response_of(cuts: list[Delta]) -> ChatResponse:
    text = whole(cuts)
    return ChatResponse(
        id="7",
        model="tiny",
        message=text.message,
        logprobs=text.logprobs,
        finish_reason=FINISH.reason,
        usage=FINISH.usage,
        timings=FINISH.timings,
    )


@given(deltas())
def test_the_chunks_of_a_chat_are_its_answer(cuts: list[Delta]) -> None:
    chunks = chunks_of(chat(tools=NESTED, stream=True), cuts)

    told = answer(chat(tools=NESTED), response_of(cuts))
    assert put_together(chunks) == of_one_piece(told)
    content = told["choices"][0]["message"]["content"] or ""
    if tokens := told["choices"][0]["logprobs"]["content"]:
        assert b"".join(bytes(token["bytes"]) for token in tokens).decode() == content


@given(deltas(names=("add",)))
def test_the_chunks_of_an_older_function_call_are_its_answer(cuts: list[Delta]) -> None:
    functions = [{"name": "add"}]

    chunks = chunks_of(chat(functions=functions, stream=True), cuts)

    told = answer(chat(functions=functions), response_of(cuts))
    assert put_together(chunks) == of_one_piece(told)


@given(deltas(most_calls=0))
def test_the_chunks_of_a_completion_are_its_answer(cuts: list[Delta]) -> None:
    def create(**body: Any) -> Any:
        return create_completion(incoming({"prompt": "Once", "logprobs": 0, **body}))

    text = whole(cuts)
    response = GenerateResponse(
        text=text.text,
        logprobs=text.logprobs,
        finish_reason=FINISH.reason,
        usage=FINISH.usage,
        timings=FINISH.timings,
    )

    chunks = chunks_of(create(stream=True), cuts)

    told = answer(create(), response)
    (choice,) = told["choices"]
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == choice["text"]
    tokens = [chunk["choices"][0]["logprobs"] or NO_TOKENS for chunk in chunks]
    assert [token for each in tokens for token in each["tokens"]] == choice["logprobs"]["tokens"]
    assert chunks[-1]["timings"] == told["timings"]


def test_the_progress_of_a_completions_prompt_is_told() -> None:
    call: Any = create_completion(
        incoming({"prompt": "Once", "return_progress": True, "stream": True})
    )
    progress = GenerationEvent(prefill=Prefill(done=3, total=3, cached=1, elapsed_ms=2))

    (chunk,) = [orjson.loads(data) for data in call.events(progress)]

    assert call.message.options.progress
    assert chunk["prompt_progress"] == {"total": 3, "cache": 1, "processed": 3, "time_ms": 2.0}
    assert (chunk["choices"][0]["text"], chunk["choices"][0]["finish_reason"]) == ("", None)


def response_events(cuts: list[Delta], **made: Any) -> list[ResponseEvent]:
    text = whole(cuts)
    begun = Response(response_id="resp_1f", state=Response.IN_PROGRESS, model="tiny", **made)
    begun.request.tools.extend(WIRE_TOOLS)
    done = Response()
    done.CopyFrom(begun)
    done.state = Response.COMPLETED
    done.output.CopyFrom(text.message)
    done.logprobs.extend(text.logprobs)
    return [
        ResponseEvent(created=begun),
        *(ResponseEvent(delta=each) for each in cuts),
        ResponseEvent(completed=done),
    ]


def told_by(call: Any, sent: list[ResponseEvent]) -> list[dict[str, Any]]:
    assert isinstance(call, Streaming)
    told: list[dict[str, Any]] = []
    for event in sent:
        for named in call.events(event):
            assert isinstance(named, Named)
            told.append(orjson.loads(named.data))
    return told


@given(deltas())
def test_the_events_of_a_response_are_its_answer(cuts: list[Delta]) -> None:
    body = {"input": "Hello", "tools": FLAT}
    sent = response_events(cuts)

    told = told_by(create_response(incoming({**body, "stream": True})), sent)

    whole_response = answer_of(create_response(incoming(body)), sent[-1].completed)
    assert told[-1]["response"] == whole_response
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert done == whole_response["output"]
    assert [grown(told, index) for index in range(len(done))] == [said(item) for item in done]
    kept = answer_of(retrieve_response(incoming()), sent[-1].completed)
    assert kept["output"] == whole_response["output"]


@given(deltas(most_calls=1), st.data())
def test_a_response_in_the_background_is_taken_up_at_any_character(
    cuts: list[Delta], data: st.DataObject
) -> None:
    def watched(cuts: list[Delta], **more: str) -> list[dict[str, Any]]:
        query = {"stream": "true", **more}
        sent = response_events(cuts, background=True)
        return told_by(retrieve_response(incoming(query=query)), sent)

    told = watched(letters(cuts))
    after = data.draw(st.integers(0, told[-1]["sequence_number"]))
    rest = watched(cuts, starting_after=str(after))

    assert rest[-1]["response"] == told[-1]["response"]
    seen = [each for each in told if each["sequence_number"] <= after]
    for index in range(len(told[-1]["response"]["output"])):
        assert grown(seen, index) + grown(rest, index) == grown(told, index)
    assert tokens_of(seen) + tokens_of(rest) == tokens_of(told)


def tokens_of(told: list[dict[str, Any]]) -> list[Any]:
    """The tokens of all texts, by their deltas."""
    deltas = [event for event in told if event["type"] == "response.output_text.delta"]
    return [token for event in deltas for token in event["logprobs"]]


def grown(told: list[dict[str, Any]], index: int) -> str:
    """The text of an item, by its deltas."""
    return "".join(
        event["delta"]
        for event in told
        if event["type"].endswith(".delta") and event["output_index"] == index
    )


def said(item: dict[str, Any]) -> str:
    if item["type"] in ("message", "reasoning"):
        return item["content"][0]["text"]
    return item["input"] if item["type"] == "custom_tool_call" else item["arguments"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("add", {"type": "function", "function": {"name": "add", "arguments": '{"input":"a"}'}}),
        (
            "mcp__add",
            {
                "type": "function",
                "namespace": "mcp",
                "function": {"name": "add", "arguments": '{"input":"a"}'},
            },
        ),
        ("patch", {"type": "custom", "custom": {"name": "patch", "input": "a"}}),
    ],
)
def test_a_call_comes_back_as_its_caller_knows_it_and_is_taken_back(
    name: str, expected: dict[str, Any]
) -> None:
    message = Message(role=Message.ASSISTANT)
    message.tool_calls.add(id="c1", name=name, arguments='{"input":"a"}')

    told = answer(chat(tools=NESTED), ChatResponse(message=message))["choices"][0]["message"]

    assert told["tool_calls"] == [{"id": "c1", **expected}]
    taken = chat(tools=NESTED, messages=[told]).message
    assert list(taken.messages) == [message]
