"""The events of a streamed response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import grpc
import orjson
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Delta, Message, Queued, TokenLogprob, ToolCall, ToolCallDelta
from funland.v1.responses_pb2 import ListResponseInputResponse, Response, ResponseEvent
from funland_gateway.dialects.dialect import Named, Streaming
from funland_gateway.dialects.openai.responses import create_response
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_stream import ResponseStream
from tests.gateway.conftest import Answers
from tests.gateway.dialects.kept import incoming

ID = "resp_1f"
STREAM_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)  # making it takes long
CREATED = ResponseEvent(created=Response(response_id=ID, state=Response.IN_PROGRESS, model="tiny"))


def completed(state: Response.State.ValueType = Response.COMPLETED, **output: Any) -> ResponseEvent:
    return ResponseEvent(
        completed=Response(response_id=ID, state=state, model="tiny", output=Message(**output))
    )


def told(events: Sequence[ResponseEvent]) -> list[dict[str, Any]]:
    """The data of the SSE events, each as the official client has to have it."""
    stream = ResponseStream({})
    return [data for event in events for named in stream.events_of(event) for data in [read(named)]]


def read(named: Named) -> dict[str, Any]:
    data = orjson.loads(named.data)
    assert named.name == data["type"]
    STREAM_EVENT.validate_python(data)
    return data


def kinds(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


THOUGHT_TEXT_CALLS = [
    CREATED,
    ResponseEvent(queued=Queued(position=2)),
    ResponseEvent(delta=Delta(reasoning="Hm")),
    ResponseEvent(delta=Delta(reasoning="!", text="I ")),
    ResponseEvent(delta=Delta(text="look.")),
    ResponseEvent(
        delta=Delta(tool_calls=[ToolCallDelta(index=0, id="c1", name="weather", arguments='{"a"')])
    ),
    ResponseEvent(
        delta=Delta(
            tool_calls=[
                ToolCallDelta(index=0, arguments=":1}"),
                ToolCallDelta(index=1, id="c2", name="time"),
            ]
        )
    ),
    ResponseEvent(delta=Delta(tool_calls=[ToolCallDelta(index=1, arguments="{}")])),
    completed(
        reasoning="Hm!",
        content="I look.",
        tool_calls=[
            ToolCall(id="c1", name="weather", arguments='{"a":1}'),
            ToolCall(id="c2", name="time", arguments="{}"),
        ],
    ),
]


def test_each_item_is_added_grows_and_is_done_before_the_next() -> None:
    events = told(THOUGHT_TEXT_CALLS)

    assert kinds(events) == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]


def test_a_streamed_response_is_the_one_that_can_be_got_later() -> None:
    events = told(THOUGHT_TEXT_CALLS)

    kept = response_object(THOUGHT_TEXT_CALLS[-1].completed, {})
    assert events[-1]["response"] == kept
    assert [e["item"] for e in events if e["type"] == "response.output_item.done"] == kept["output"]


def test_a_response_without_a_word_has_an_empty_message() -> None:
    events = told([CREATED, completed()])

    assert kinds(events)[2:] == [
        "output_item.added", "content_part.added", "output_text.done", "content_part.done",
        "output_item.done", "completed",
    ]  # fmt: skip
    assert events[-1]["response"] == response_object(completed().completed, {})


def test_a_response_that_was_cut_off_ends_incomplete() -> None:
    end = completed(Response.INCOMPLETE, content="I")

    events = told([CREATED, ResponseEvent(delta=Delta(text="I")), end])

    assert kinds(events)[-1] == "incomplete"
    assert events[-1]["response"] == response_object(end.completed, {})
    assert events[-2]["item"]["status"] == "incomplete"


def test_text_after_a_call_is_another_message() -> None:
    call = Delta(tool_calls=[ToolCallDelta(id="c1", name="f", arguments="{}")])
    parts = [Delta(text="One."), call, Delta(text="Two.")]

    events = told([CREATED, *(ResponseEvent(delta=part) for part in parts), completed()])

    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert len({item["id"] for item in output}) == 3


def test_logprobs_wait_for_their_text_and_those_of_thoughts_are_left_out() -> None:
    def token(text: str, part: TokenLogprob.Part.ValueType = TokenLogprob.CONTENT) -> TokenLogprob:
        return TokenLogprob(token=text.encode(), logprob=-1, part=part)

    deltas = [
        Delta(reasoning="Hm", logprobs=[token("Hm", TokenLogprob.REASONING)]),
        Delta(logprobs=[token("o")]),
        Delta(text="one", logprobs=[token("ne")]),
        Delta(logprobs=[token("<end>", TokenLogprob.END)]),
    ]

    events = told(
        [CREATED, *(ResponseEvent(delta=delta) for delta in deltas), completed(content="one")]
    )

    (delta,) = [event for event in events if event["type"] == "response.output_text.delta"]
    (done,) = [event for event in events if event["type"] == "response.output_text.done"]
    assert [each["token"] for each in delta["logprobs"]] == ["o", "ne"]
    assert done["logprobs"] == delta["logprobs"]


def test_logprobs_of_thought_and_text_that_come_together_are_parted() -> None:
    thought = [
        TokenLogprob(token=text, logprob=-1, part=TokenLogprob.REASONING)
        for text in (b"<t>", b"Hm", b"</t>")
    ]
    tokens = [*thought, TokenLogprob(token=b"one", logprob=-1)]
    together = Delta(reasoning="Hm", text="one", logprobs=tokens)

    events = told([CREATED, ResponseEvent(delta=together), completed(content="one")])

    (done,) = [event for event in events if event["type"] == "response.output_text.done"]
    assert [each["token"] for each in done["logprobs"]] == ["one"]


@pytest.mark.parametrize(
    ("after", "text", "tokens"),
    [(4, "oneés", ["one", "é", "s"]), (7, "és", ["é", "s"]), (6, "eés", ["one", "é", "s"])],
)
def test_what_was_lacking_of_a_delta_comes_with_its_own_tokens(
    after: int, text: str, tokens: list[str]
) -> None:
    begun = Response(response_id=ID, state=Response.QUEUED, background=True)
    logprobs = [TokenLogprob(token=token.encode(), logprob=-1) for token in ("one", "é", "s")]
    stream = ResponseStream({}, after)

    events = [
        read(named)
        for event in (
            ResponseEvent(created=begun),
            ResponseEvent(delta=Delta(text="oneés", logprobs=logprobs)),
        )
        for named in stream.events_of(event)
    ]

    (delta,) = events
    assert delta["delta"] == text
    assert [token["token"] for token in delta["logprobs"]] == tokens


def test_a_custom_call_has_events_of_its_own() -> None:
    begun = Response(response_id=ID, state=Response.IN_PROGRESS, model="tiny")
    begun.request.tools.add(name="mcp__patch", namespace="mcp", free_form=True)
    pieces = [
        ToolCallDelta(id="c1", name="mcp__patch"),
        ToolCallDelta(arguments='{"input":"*'),
        ToolCallDelta(arguments="** End"),
        ToolCallDelta(arguments='"}'),
    ]

    events = told(
        [
            ResponseEvent(created=begun),
            *(ResponseEvent(delta=Delta(tool_calls=[piece])) for piece in pieces),
            completed(),
        ]
    )

    assert kinds(events)[2:] == [
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.delta",
        "custom_tool_call_input.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event.get("delta") for event in events[3:5]] == ["*", "** End"]
    assert events[5]["input"] == "*** End"
    assert events[6]["item"] == {
        "id": "ctc_1f_0",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "c1",
        "name": "patch",
        "input": "*** End",
        "namespace": "mcp",
    }


def test_what_was_left_out_is_told_in_every_response_of_a_stream() -> None:
    call = create_response(incoming({"input": "x", "tools": [{"type": "mcp"}], "stream": True}))
    assert isinstance(call, Streaming)

    events = [
        orjson.loads(named.data)
        for event in (CREATED, completed())
        for named in call.events(event)
        if isinstance(named, Named)
    ]

    warned = [event["response"]["warnings"][0]["param"] for event in events if "response" in event]
    assert warned == ["tools[0]"] * 3


def test_a_stream_that_breaks_off_says_so_with_what_there_is() -> None:
    stream = ResponseStream({})
    call = Delta(tool_calls=[ToolCallDelta(id="c1", name="f", arguments="{")])
    for event in (CREATED, ResponseEvent(delta=Delta(text="Done.")), ResponseEvent(delta=call)):
        events = [read(named) for named in stream.events_of(event)]

    last = read(stream.failed(Error(code="UNAVAILABLE", message="It is gone.")))

    assert last["type"] == "response.failed"
    assert last["sequence_number"] == events[-1]["sequence_number"] + 1
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "It is gone."}
    assert [item["type"] for item in last["response"]["output"]] == ["message"]


@pytest.mark.parametrize(
    ("event", "last"), [(CREATED, False), (ResponseEvent(), False), (completed(), True)]
)
def test_only_completed_ends_a_stream(event: ResponseEvent, last: bool) -> None:
    assert ResponseStream.is_last(event) is last


async def test_a_failure_in_mid_stream_is_the_last_event_on_the_wire(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def break_off(_request: Any, context: Any) -> AsyncIterator[ResponseEvent]:
        yield CREATED
        yield ResponseEvent(delta=Delta(text="I"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "It is gone.")

    answers["StreamResponse"] = break_off

    async with http.post("/v1/responses", json={"input": "Hello", "stream": True}) as response:
        blocks = (await response.text()).strip().split("\n\n")

    assert response.status == 200
    lines = [block.split("\n") for block in blocks]
    assert [event.removeprefix("event: response.") for event, _ in lines] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
        "failed",
    ]  # fmt: skip
    last = orjson.loads(lines[-1][1].removeprefix("data: "))
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"]["code"] == "server_error"


async def test_a_failure_before_the_first_event_is_an_http_error(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def refuse(_request: Any, context: Any) -> AsyncIterator[ResponseEvent]:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "No.")
        yield CREATED

    answers["StreamResponse"] = refuse

    async with http.post("/v1/responses", json={"input": "Hello", "stream": True}) as response:
        body = await response.json()

    assert response.status == 400
    assert body["error"]["type"] == "invalid_request_error"


async def test_the_list_of_items_is_not_taken_for_a_response(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def listed(request: Any, _context: Any) -> ListResponseInputResponse:
        assert request.response_id == ID
        return ListResponseInputResponse(messages=[Message(role=Message.USER, content="Hello")])

    async def get(_request: Any, _context: Any) -> Response:
        return Response(response_id=ID)

    answers["GetResponse"] = get
    answers["ListResponseInput"] = listed

    async with http.get(f"/v1/responses/{ID}/input_items", params={"limit": 1}) as response:
        body = await response.json()

    assert [item["content"][0]["text"] for item in body["data"]] == ["Hello"]
