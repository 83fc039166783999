"""Streams of responses that are made in the background, and taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Delta, Message, TokenLogprob, ToolCall, ToolCallDelta
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_stream import ResponseStream

ID = "resp_1f"
STREAM_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)  # making it takes long
TOKENS = [TokenLogprob(token=text, logprob=-1) for text in (b"I ", b"lo", b"ok.")]
WHOLE = Delta(
    reasoning="Hm!",
    text="I look.",
    tool_calls=[ToolCallDelta(id="c1", name="weather", arguments='{"a":1}')],
    logprobs=TOKENS,
)
PIECES = [
    Delta(reasoning="Hm"),
    Delta(reasoning="!"),
    Delta(text="I ", logprobs=TOKENS[:1]),
    Delta(text="look.", logprobs=TOKENS[1:]),
    Delta(tool_calls=[ToolCallDelta(id="c1", name="weather")]),
    Delta(tool_calls=[ToolCallDelta(arguments='{"a"')]),
    Delta(tool_calls=[ToolCallDelta(arguments=":1}")]),
]
OUTPUT = Message(
    reasoning="Hm!",
    content="I look.",
    tool_calls=[ToolCall(id="c1", name="weather", arguments='{"a":1}')],
)


def response(state: Response.State.ValueType, **fields: Any) -> Response:
    return Response(response_id=ID, state=state, model="tiny", background=True, **fields)


CREATED = ResponseEvent(created=response(Response.QUEUED))
END = response(Response.COMPLETED, output=OUTPUT, logprobs=TOKENS)


def told(
    deltas: Sequence[Delta], end: Response = END, after: int | None = None
) -> list[dict[str, Any]]:
    stream = ResponseStream({}, after)
    events = [CREATED, *(ResponseEvent(delta=delta) for delta in deltas)]
    named = [
        each
        for event in [*events, ResponseEvent(completed=end)]
        for each in stream.events_of(event)
    ]
    data = [orjson.loads(each.data) for each in named]
    for each in data:
        STREAM_EVENT.validate_python(each)
    return data


def without_deltas(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if "delta" not in event]


def said(events: Sequence[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")


def test_it_is_queued_until_the_first_word() -> None:
    events = told(PIECES)

    begin = [(event["type"], event["response"]["status"]) for event in events[:3]]
    assert begin == [
        ("response.created", "queued"),
        ("response.queued", "queued"),
        ("response.in_progress", "in_progress"),
    ]
    assert all(event["response"]["background"] for event in events[:3])


def test_numbers_do_not_depend_on_how_the_text_is_cut() -> None:
    live, replayed = told(PIECES), told([WHOLE])

    assert without_deltas(live) == without_deltas(replayed)
    numbers = [event["sequence_number"] for event in live]
    assert numbers == sorted(set(numbers))
    assert {event["sequence_number"] for event in replayed} < set(numbers)


@pytest.mark.parametrize("deltas", [PIECES, [WHOLE]], ids=["as it came", "at once"])
def test_a_stream_can_be_taken_up_after_any_event(deltas: Sequence[Delta]) -> None:
    live = told(PIECES)

    for place, event in enumerate(live[:-1]):
        rest = told(deltas, after=event["sequence_number"])

        seen = live[: place + 1]
        assert without_deltas(seen) + without_deltas(rest) == without_deltas(live)
        for kind in ("reasoning_text", "output_text", "function_call_arguments"):
            assert said(seen, kind) + said(rest, kind) == said(live, kind)
        tokens = [
            each["token"] for event in [*seen, *rest] if "delta" in event
            for each in event.get("logprobs", [])
        ]  # fmt: skip
        assert tokens == ["I ", "lo", "ok."]


@pytest.mark.parametrize("ahead", [0, 1, 1000])
def test_the_last_event_is_told_whatever_the_caller_has(ahead: int) -> None:
    after = told(PIECES)[-1]["sequence_number"] + ahead

    (last,) = told(PIECES, after=after)

    assert last["type"] == "response.completed"
    assert last["sequence_number"] == after + 1


def test_one_that_is_cancelled_ends_with_what_was_written() -> None:
    end = response(Response.CANCELLED, output=Message(content="I"))

    events = told([Delta(text="I")], end)

    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"] == response_object(end, {})
    assert events[-1]["response"]["status"] == "cancelled"


def test_one_that_is_cancelled_in_the_queue_never_begins() -> None:
    events = told([], response(Response.CANCELLED))

    assert [event["type"] for event in events] == [
        "response.created", "response.queued", "response.incomplete",
    ]  # fmt: skip
    assert events[-1]["response"]["output"] == []


def test_one_that_fails_says_why() -> None:
    end = response(Response.FAILED, error=Error(code="UNAVAILABLE", message="It is gone."))

    events = told([Delta(text="I")], end)

    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["status"] == "failed"
    assert events[-1]["response"]["error"] == {"code": "server_error", "message": "It is gone."}


def test_a_break_is_told_whatever_the_caller_has() -> None:
    stream = ResponseStream({}, after=1000)
    assert list(stream.events_of(CREATED)) == []

    last = orjson.loads(stream.failed(Error(code="UNAVAILABLE", message="It is gone.")).data)

    assert (last["type"], last["sequence_number"]) == ("response.failed", 1001)
