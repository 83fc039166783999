"""OpenAI's chat answers with calls, reasoning, probabilities and several texts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from funland.v1.inference_pb2 import (
    AlternativeMessage,
    ChatResponse,
    Delta,
    Finish,
    GenerationEvent,
    Loading,
    Message,
    Prefill,
    Queued,
    Start,
    Timings,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.reading import JsonObject

TOOLS = {"tools": [{"type": "function", "function": {"name": "add"}}]}
FUNCTIONS = {"functions": [{"name": "add"}]}
CALLED = Message(
    role=Message.ASSISTANT,
    reasoning="Sums.",
    tool_calls=[
        ToolCall(id="c1", name="add", arguments='{"a":1}'),
        ToolCall(id="c2", name="add", arguments="{}"),
    ],
)
USAGE = Usage(
    prompt_tokens=5,
    completion_tokens=9,
    total_tokens=14,
    cached_prompt_tokens=3,
    reasoning_tokens=2,
    drafted_tokens=6,
    accepted_tokens=4,
)
TOKENS = [
    TokenLogprob(token_id=1, token=b"Hi", logprob=-0.5),
    TokenLogprob(
        token_id=2,
        token="你".encode()[:2],
        logprob=float("-inf"),
        top=[TokenLogprob(token_id=3, token=b"!", logprob=-0.25)],
    ),
]
LOGPROBS: list[dict[str, Any]] = [
    {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []},
    {
        "token": r"\xe4\xbd",
        "logprob": -9999.0,
        "bytes": [0xE4, 0xBD],
        "top_logprobs": [{"token": "!", "logprob": -0.25, "bytes": [33]}],
    },
]


def read(**body: Any) -> Unary | Streaming:
    messages = [{"role": "user", "content": "Hello"}]
    return create_chat_completion(Incoming(JsonObject({"messages": messages, **body}), {}, 1))


def answer(response: ChatResponse, **body: Any) -> ChatCompletion:
    call = read(**body)
    assert isinstance(call, Unary)
    reply = call.answer(response)
    assert isinstance(reply, Reply)
    return ChatCompletion.model_validate_json(reply.content, strict=True)


def stream(events: list[GenerationEvent], **body: Any) -> tuple[list[Any], list[bool]]:
    """The chunks as JSON, the last of them the end mark's bytes; and which events were the last."""
    call = read(stream=True, **body)
    assert isinstance(call, Streaming)
    data: list[Any] = []
    last: list[bool] = []
    for event in events:
        data += call.events(event)
        last.append(call.is_last(event))
    for chunk in data:
        if chunk != b"[DONE]":
            ChatCompletionChunk.model_validate_json(chunk, strict=True)
    return [chunk if chunk == b"[DONE]" else orjson.loads(chunk) for chunk in data], last


def test_calls_stand_in_the_message_and_its_content_is_null() -> None:
    response = ChatResponse(message=CALLED, finish_reason=Finish.TOOL_CALLS, usage=USAGE)

    choice = answer(response, **TOOLS).choices[0]

    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.model_extra == {"reasoning_content": "Sums.", "reasoning": "Sums."}
    assert [call.model_dump() for call in choice.message.tool_calls or []] == [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
        {"id": "c2", "type": "function", "function": {"name": "add", "arguments": "{}"}},
    ]


def test_who_sent_functions_gets_a_function_call() -> None:
    response = ChatResponse(message=CALLED, finish_reason=Finish.TOOL_CALLS)

    choice = answer(response, **FUNCTIONS).choices[0]

    assert choice.finish_reason == "function_call"
    assert choice.message.function_call is not None
    assert choice.message.function_call.arguments == '{"a":1}'
    assert choice.message.tool_calls is None


def test_usage_tells_what_was_thought_and_guessed() -> None:
    response = ChatResponse(finish_reason=Finish.STOP, usage=USAGE)

    usage = answer(response).usage

    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.model_dump(exclude_none=True) == {
        "reasoning_tokens": 2,
        "accepted_prediction_tokens": 4,
        "rejected_prediction_tokens": 2,
    }


def test_several_answers_are_choices_with_logprobs_of_their_own() -> None:
    response = ChatResponse(
        message=Message(content="one"),
        finish_reason=Finish.STOP,
        logprobs=TOKENS,
        alternatives=[
            AlternativeMessage(message=Message(content="two"), finish_reason=Finish.LENGTH)
        ],
    )

    first, second = answer(response, n=2, logprobs=True, top_logprobs=1).choices

    assert (first.index, first.message.content, first.finish_reason) == (0, "one", "stop")
    assert (second.index, second.message.content, second.finish_reason) == (1, "two", "length")
    assert first.logprobs is not None
    assert first.logprobs.model_dump()["content"] == LOGPROBS
    assert second.logprobs is not None
    assert second.logprobs.content == []


def test_logprobs_are_those_of_the_content_alone() -> None:
    parts = {
        b"<think>Hm</think>": TokenLogprob.REASONING,
        b"Hi": TokenLogprob.CONTENT,
        b"!": TokenLogprob.PART_UNSPECIFIED,
        b"<tool_call>": TokenLogprob.CALLS,
        b"<end>": TokenLogprob.END,
    }
    tokens = [TokenLogprob(token=token, part=part) for token, part in parts.items()]
    response = ChatResponse(
        message=Message(content="Hi!"), logprobs=tokens, finish_reason=Finish.STOP
    )
    deltas = [GenerationEvent(delta=Delta(text="Hi!", logprobs=tokens))]
    ended = [GenerationEvent(delta=Delta(logprobs=tokens[-1:]))]

    whole = answer(response, logprobs=True).choices[0].logprobs
    chunks, _ = stream(deltas + ended, logprobs=True)

    assert whole is not None
    assert [token.token for token in whole.content or []] == ["Hi", "!"]
    assert len(chunks) == 1
    (choice,) = chunks[0]["choices"]
    assert [token["token"] for token in choice["logprobs"]["content"]] == ["Hi", "!"]


def test_without_logprobs_there_are_none() -> None:
    response = ChatResponse(finish_reason=Finish.STOP, logprobs=TOKENS)

    assert answer(response).choices[0].logprobs is None


TIMINGS = Timings(queue_ms=1, prompt_ms=4, decode_ms=18)
TIMED = {
    "cache_n": 3, "prompt_n": 2, "prompt_ms": 4.0, "prompt_per_token_ms": 2.0,
    "prompt_per_second": 500.0, "predicted_n": 9, "predicted_ms": 18.0,
    "predicted_per_token_ms": 2.0, "predicted_per_second": 500.0,
}  # fmt: skip


def test_what_it_took_is_told_as_llama_server_does() -> None:
    took = ChatResponse(finish_reason=Finish.STOP, usage=USAGE, timings=TIMINGS)

    assert (answer(took).model_extra or {})["timings"] == TIMED
    untimed = answer(ChatResponse(finish_reason=Finish.STOP, usage=USAGE))
    assert "timings" not in (untimed.model_extra or {})


def test_what_can_not_be_divided_is_null() -> None:
    response = ChatResponse(finish_reason=Finish.STOP, timings=Timings())

    took = (answer(response).model_extra or {})["timings"]

    assert {name for name, value in took.items() if value is None} == {
        "prompt_per_token_ms",
        "prompt_per_second",
        "predicted_per_token_ms",
        "predicted_per_second",
    }


def test_the_last_chunks_of_a_stream_tell_what_it_took() -> None:
    finish = Finish(reason=Finish.STOP, usage=USAGE, timings=TIMINGS)
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(delta=Delta(text="Hi")),
        GenerationEvent(finish=finish),
    ]

    chunks, _ = stream(events, stream_options={"include_usage": True})

    assert [chunk.get("timings") for chunk in chunks[:-1]] == [None, None, TIMED, TIMED]
    assert all(("timings" in chunk) == (chunk["timings"] is not None) for chunk in chunks[2:-1])


def test_of_several_answers_the_usage_chunk_tells_the_longest() -> None:
    slow, fast = (Timings(prompt_ms=4, decode_ms=ms) for ms in (90, 30))
    usage = Usage(prompt_tokens=2, completion_tokens=3, total_tokens=5)
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(choice=1, finish=Finish(usage=usage, timings=fast)),
        GenerationEvent(choice=0, finish=Finish(usage=usage, timings=slow)),
    ]

    chunks, _ = stream(events, n=2, stream_options={"include_usage": True})

    told = [chunk["timings"]["predicted_ms"] for chunk in chunks[2:-1]]
    assert told == [30, 90, 90]
    assert chunks[-2]["timings"]["predicted_n"] == 6


def test_progress_is_told_as_llama_server_does() -> None:
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        *(
            GenerationEvent(prefill=Prefill(done=done, total=9, cached=1, elapsed_ms=done / 2))
            for done in (4, 9)
        ),
        GenerationEvent(delta=Delta(text="Hi")),
    ]

    chunks, last = stream(events, return_progress=True)

    assert [chunk.get("prompt_progress") for chunk in chunks] == [
        None,
        {"total": 9, "cache": 1, "processed": 4, "time_ms": 2.0},
        {"total": 9, "cache": 1, "processed": 9, "time_ms": 4.5},
        None,
    ]
    assert [chunk["choices"][0]["delta"] for chunk in chunks[1:3]] == [{}, {}]
    assert last == [False] * 4


def test_progress_that_was_not_asked_for_makes_no_chunks() -> None:
    events = [
        GenerationEvent(loading=Loading(model="tiny", stage=Loading.READING, fraction=0.5)),
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(prefill=Prefill(done=4, total=9)),
        GenerationEvent(delta=Delta(text="Hi")),
    ]

    told, _ = stream(events)
    plain, _ = stream([events[1], events[3]])

    assert told == plain


def test_the_parts_of_one_event_are_chunks_of_their_own() -> None:
    calls = [
        ToolCallDelta(index=0, id="c1", name="add"),
        ToolCallDelta(index=0, arguments='{"a"'),
        ToolCallDelta(index=0, arguments=":1}"),
        ToolCallDelta(index=1, id="c2", name="add", arguments="{"),
        ToolCallDelta(index=1, arguments="}"),
    ]
    event = GenerationEvent(delta=Delta(reasoning="Hm", text="So", tool_calls=calls))

    chunks, _ = stream([event], **TOOLS)

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert [list(delta) for delta in deltas] == [
        ["reasoning_content", "reasoning"], ["content"], ["tool_calls"], ["tool_calls"],
    ]  # fmt: skip
    assert [delta["tool_calls"] for delta in deltas[2:]] == [
        [_call(0, "c1", '{"a":1}')],
        [_call(1, "c2", "{}")],
    ]
    older, _ = stream([event], **FUNCTIONS)
    assert older[-1]["choices"][0]["delta"] == {
        "function_call": {"name": "add", "arguments": '{"a":1}'}
    }


def _call(index: int, call_id: str, arguments: str) -> dict[str, Any]:
    function = {"name": "add", "arguments": arguments}
    return {"index": index, "id": call_id, "type": "function", "function": function}


def test_the_text_of_a_custom_call_is_streamed_as_it_is() -> None:
    pieces = [
        ToolCallDelta(id="c1", name="patch"),
        ToolCallDelta(arguments='{"input": "a'),
        ToolCallDelta(arguments="\\"),
        ToolCallDelta(arguments='n"'),
        ToolCallDelta(arguments="}"),
    ]
    call = read(stream=True, tools=[{"type": "custom", "custom": {"name": "patch"}}])
    assert isinstance(call, Streaming)

    deltas = [
        orjson.loads(chunk)["choices"][0]["delta"]["tool_calls"]
        for piece in pieces
        for chunk in call.events(GenerationEvent(delta=Delta(tool_calls=[piece])))
        if isinstance(chunk, bytes)
    ]

    assert deltas == [
        [{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": ""}}],
        [{"index": 0, "custom": {"input": "a"}}],
        [{"index": 0, "custom": {"input": "\n"}}],
    ]


def test_what_was_left_out_is_told_once() -> None:
    tools = [{"type": "web_search"}]
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(delta=Delta(text="Hi")),
        GenerationEvent(finish=Finish(reason=Finish.STOP)),
    ]

    response = ChatResponse(message=Message(content="Hi"), finish_reason=Finish.STOP)
    whole = answer(response, tools=tools).model_extra or {}
    chunks, _ = stream(events, tools=tools, n=2)

    (warning,) = whole["warnings"]
    assert warning["param"] == "tools[0]"
    assert "web_search" in warning["message"]
    assert [chunk.get("warnings") for chunk in chunks[:3]] == [[warning], None, None]


CALL_EVENTS = [
    GenerationEvent(start=Start(id="7", model="tiny")),
    GenerationEvent(queued=Queued(position=3)),
    GenerationEvent(delta=Delta(reasoning="Sums.")),
    GenerationEvent(delta=Delta(tool_calls=[ToolCallDelta(index=0, id="c1", name="add")])),
    GenerationEvent(delta=Delta(tool_calls=[ToolCallDelta(index=0, arguments='{"a":')])),
    GenerationEvent(delta=Delta(tool_calls=[ToolCallDelta(index=0, arguments="1}")])),
    GenerationEvent(finish=Finish(reason=Finish.TOOL_CALLS)),
]


def test_a_streamed_call_is_its_name_then_its_arguments_piece_by_piece() -> None:
    chunks, last = stream(CALL_EVENTS, **TOOLS)

    function = {"name": "add", "arguments": ""}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": None},
        {"reasoning_content": "Sums.", "reasoning": "Sums."},
        {"tool_calls": [call]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {},
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert last == [False] * 6 + [True]


def test_a_streamed_function_call_has_the_older_shape() -> None:
    chunks, _ = stream(CALL_EVENTS, **FUNCTIONS)

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert [delta["function_call"] for delta in deltas[2:5]] == [
        {"name": "add", "arguments": ""},
        {"arguments": '{"a":'},
        {"arguments": "1}"},
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "function_call"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_stream_of_several_answers_tells_usage_once_after_the_last(order: Any) -> None:
    usage = Usage(prompt_tokens=5, completion_tokens=2, total_tokens=7, cached_prompt_tokens=3)
    finish = Finish(reason=Finish.STOP, usage=usage)
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        *(GenerationEvent(choice=index, delta=Delta(text=str(index))) for index in order),
        *(GenerationEvent(choice=index, finish=finish) for index in order),
    ]

    chunks, last = stream(events, n=3, stream_options={"include_usage": True})

    *told, usage_chunk, done = chunks
    assert [chunk["choices"][0]["index"] for chunk in told] == [0, 1, 2, *order, *order]
    assert [chunk["choices"][0]["delta"].get("role") for chunk in told[:3]] == ["assistant"] * 3
    assert all(chunk["usage"] is None for chunk in told)
    assert usage_chunk["choices"] == []
    assert (usage_chunk["usage"]["prompt_tokens"], usage_chunk["usage"]["total_tokens"]) == (5, 11)
    assert done == b"[DONE]"
    assert last == [False] * 6 + [True]


def test_a_chunk_has_the_logprobs_of_its_tokens_even_without_text() -> None:
    events = [
        GenerationEvent(delta=Delta(text="Hi", logprobs=TOKENS[:1])),
        GenerationEvent(delta=Delta(logprobs=TOKENS[1:])),
    ]

    chunks, _ = stream(events, logprobs=True, top_logprobs=1)

    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["delta"] for choice in choices] == [{"content": "Hi"}, {}]
    assert [choice["logprobs"]["content"] for choice in choices] == [LOGPROBS[:1], LOGPROBS[1:]]
