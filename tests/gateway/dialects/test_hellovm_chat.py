"""Chats of the `hellovm` dialect: requests to the contract's messages, and its messages to JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland.v1.inference_pb2 import (
    Delta,
    Loading,
    Message,
    Prefill,
    Queued,
    SamplingParameters,
    Timings,
    Usage,
)
from funland.v1.sessions_pb2 import (
    ConverseRequest,
    CreateSessionRequest,
    SendMessageRequest,
    SendMessageResponse,
    Session,
    SessionEvent,
    SessionMessage,
)
from funland_gateway.dialects.dialect import Streaming, WebSocket
from funland_gateway.dialects.hellovm.chat_requests import create_name, said_name
from funland_gateway.dialects.hellovm.chat_talk import ChatTalk
from funland_gateway.dialects.hellovm.routes import HELLOVM
from tests.gateway.dialects.asked import NOW, TOLD_NOW, asked, call, refused, told

ROUTES = {(route.method, route.path): route for route in HELLOVM.routes}
CREATE = ROUTES["POST", "/api/v1/chat/sessions"]
SEND = ROUTES["POST", "/api/v1/chat/sessions/{session_id}/messages"]
STREAM = ROUTES["GET", "/api/v1/chat/sessions/{session_id}/stream"]
PATH = {"session_id": "s"}
AT = Timestamp(seconds=NOW)

SESSION = Session(
    session_id="s",
    model="qwen-7b",
    device_ids=["npu_0"],
    system_message="Be brief.",
    sampling=SamplingParameters(temperature=0.7, top_p=0.95, top_k=40, max_tokens=512),
    message_count=2,
    create_time=AT,
)
CONFIG = {
    "temperature": 0.7,
    "top_p": 0.95,
    "top_k": 40,
    "max_tokens": 512,
    "system_prompt": "Be brief.",
}
ANSWER = SessionMessage(
    message_id="m",
    session_id="s",
    message=Message(role=Message.ASSISTANT, content="Hello!"),
    state=SessionMessage.COMPLETED,
    create_time=AT,
    usage=Usage(completion_tokens=18),
    timings=Timings(queue_ms=1000, prompt_ms=50, decode_ms=800),
    device_ids=["gpu_0", "gpu_1"],
)
ANSWERED = {
    "message_id": "m",
    "session_id": "s",
    "role": "assistant",
    "content": "Hello!",
    "tokens": 18,
    "inference_time": 0.85,
    "device_used": "gpu_0,gpu_1",
    "timestamp": TOLD_NOW,
}
SAID = SessionMessage(
    message_id="u", session_id="s", message=Message(role=Message.USER, content="Hi"),
    state=SessionMessage.COMPLETED, create_time=AT,
)  # fmt: skip
FAILED = SessionMessage()
FAILED.CopyFrom(SAID)
FAILED.state = SessionMessage.FAILED
FAILED.error.CopyFrom(
    Error(code="UNAVAILABLE", reason=ErrorReason.WORKER_LOST, message="Gone.", request_id="r")
)
UNCOMPUTED = {
    "message_id": "u",
    "session_id": "s",
    "role": "user",
    "content": "Hi",
    "tokens": None,
    "inference_time": None,
    "device_used": None,
    "timestamp": TOLD_NOW,
}
SESSION_DATA = {
    "session_id": "s",
    "model_id": "qwen-7b",
    "device_id": "npu_0",
    "status": "active",
    "created_at": TOLD_NOW,
    "config": CONFIG,
    "message_count": 2,
}


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        ({"model_id": "a/b"}, CreateSessionRequest(model="a/b", sampling=SamplingParameters())),
        (
            {
                "model_id": "qwen/Qwen-7B-Chat",
                "device_id": "npu_0",
                "config": {"temperature": 0.5, "max_tokens": 5, "system_prompt": "Be brief."},
                "metadata": {
                    "title": "A chat",
                    "tags": ["a", "b"],
                    "client": "x",
                    "age": 7,
                    "more": {"b": [1]},
                    "none": None,
                },
            },
            CreateSessionRequest(
                model="qwen/Qwen-7B-Chat",
                device_ids=["npu_0"],
                sampling=SamplingParameters(temperature=0.5, max_tokens=5),
                system_message="Be brief.",
                title="A chat",
                tags=["a", "b"],
                metadata={"client": "x", "age": "7", "more": '{"b":[1]}'},
            ),
        ),
    ],
)
def test_a_session_is_asked_for(body: dict[str, Any], request_: CreateSessionRequest) -> None:
    asks = call(CREATE, asked(body))

    assert (asks.rpc.name, asks.message) == ("CreateSession", request_)


@pytest.mark.parametrize(
    ("origin", "ws_url"),
    [
        ("http://localhost:8000", "ws://localhost:8000/api/v1/chat/sessions/s/stream"),
        ("https://ai.example", "wss://ai.example/api/v1/chat/sessions/s/stream"),
    ],
)
def test_a_session_is_told_with_the_name_that_was_asked_for(origin: str, ws_url: str) -> None:
    incoming = replace(asked({"model_id": "qwen/Qwen-7B-Chat"}), origin=origin)

    answer = told(call(CREATE, incoming), SESSION)

    assert answer["message"] == "Chat session created successfully"
    assert answer["data"] == {**SESSION_DATA, "model_id": "qwen/Qwen-7B-Chat", "ws_url": ws_url}


def test_what_a_session_was_not_given_is_null() -> None:
    data = told(call(CREATE, asked({"model_id": "m"})), Session(session_id="s"))["data"]

    assert data["device_id"] is None
    assert data["config"] == dict.fromkeys(CONFIG)


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        (CREATE, {}, "model_id"),
        (CREATE, {"model_id": ""}, "model_id"),
        (CREATE, {"model_id": "m", "config": {"top_k": "x"}}, "config.top_k"),
        (CREATE, {"model_id": "m", "metadata": {"tags": [1]}}, "metadata.tags[0]"),
        (SEND, {}, "message"),
        (SEND, {"message": ""}, "message"),
        (SEND, {"message": "x", "stream": "yes"}, "stream"),
        (SEND, {"message": "x", "metadata": "y"}, "metadata"),
    ],
)
def test_a_wrong_field_is_named(route: Any, body: dict[str, Any], field: str) -> None:
    (violation,) = refused(route, asked(body, PATH)).field_violations

    assert violation.field == field


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("model", "model_id"),
        ("device_ids[0]", "device_id"),
        ("sampling.top_p", "config.top_p"),
        ("system_message", "config.system_prompt"),
        ("title", "metadata.title"),
        ("tags[3]", "metadata.tags[3]"),
        ("metadata['a']", "metadata['a']"),
    ],
)
def test_fields_of_a_session_have_the_apis_names(path: str, name: str) -> None:
    assert create_name(path) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("content", "message"),
        ("send.content", "message"),
        ("send.metadata['content']", "metadata['content']"),
        ("metadata['content']", "metadata['content']"),
        ("cancel.message_id", "message_id"),
        ("session_id", "session_id"),
    ],
)
def test_fields_of_what_is_said_have_the_apis_names(path: str, name: str) -> None:
    assert said_name(path) == name


def test_a_message_is_answered_as_it_was_measured() -> None:
    asks = call(SEND, asked({"message": "Hi", "metadata": {"client_id": "u", "n": 1}}, PATH))

    assert asks.rpc.name == "SendMessage"
    assert asks.message == SendMessageRequest(
        session_id="s", content="Hi", metadata={"client_id": "u", "n": "1"}
    )
    assert told(asks, SendMessageResponse(sent=SAID, answer=ANSWER))["data"] == ANSWERED


def test_a_streamed_answer_is_whole_when_it_has_ended_and_not_failed() -> None:
    asks = SEND.call(asked({"message": "Hi", "stream": True}, PATH))

    assert isinstance(asks, Streaming)
    assert (asks.rpc.name, asks.message) == (
        "StreamMessage",
        SendMessageRequest(session_id="s", content="Hi"),
    )
    for state in SessionMessage.State.values():
        begun = SessionMessage(message=Message(role=Message.ASSISTANT), state=state)  # type: ignore[arg-type]  # a number
        ended = state not in (SessionMessage.IN_PROGRESS, SessionMessage.FAILED)
        assert asks.is_last(SessionEvent(message=begun)) is ended
    assert not asks.is_last(SessionEvent(message=SAID))
    assert not asks.is_last(SessionEvent(delta=Delta(text="a")))
    assert asks.failure is not None
    named = asks.failure(Error(code="ABORTED", reason=ErrorReason.SESSION_BUSY))
    failed = orjson.loads(named.data)
    assert (named.name, failed["type"], failed["code"]) == ("error", "error", 409)


FRAMES = [
    (SessionEvent(session=SESSION), {"type": "session", "data": SESSION_DATA}),
    (
        SessionEvent(number=7, message_id="u", reference="r", message=SAID),
        {
            "type": "message",
            "number": 7,
            "message_id": "u",
            "reference": "r",
            "status": "completed",
            "data": UNCOMPUTED,
        },
    ),
    (
        SessionEvent(number=8, message_id="m", message=ANSWER),
        {
            "type": "message",
            "number": 8,
            "message_id": "m",
            "status": "completed",
            "data": ANSWERED,
        },
    ),
    (
        SessionEvent(number=8, message_id="u", message=FAILED),
        {
            "type": "message",
            "number": 8,
            "message_id": "u",
            "status": "failed",
            "error": {
                "type": "service_unavailable",
                "details": "Gone.",
                "reason": "WORKER_LOST",
            },
            "data": UNCOMPUTED,
        },
    ),
    (
        SessionEvent(number=9, message_id="m", delta=Delta(text="a")),
        {"type": "delta", "number": 9, "message_id": "m", "content": "a"},
    ),
    (
        SessionEvent(number=9, message_id="m", delta=Delta(reasoning="b")),
        {"type": "delta", "number": 9, "message_id": "m", "content": "", "thinking": "b"},
    ),
    (SessionEvent(number=9, message_id="m", delta=Delta()), None),
    (
        SessionEvent(number=1, message_id="m", loading=Loading(stage=Loading.READING)),
        {"type": "loading", "number": 1, "message_id": "m", "stage": "reading", "fraction": None},
    ),
    (
        SessionEvent(number=1, message_id="m", queued=Queued(position=3)),
        {"type": "queued", "number": 1, "message_id": "m", "position": 3},
    ),
    (
        SessionEvent(number=1, message_id="m", prefill=Prefill(done=1, total=2)),
        {"type": "prefill", "number": 1, "message_id": "m", "done": 1, "total": 2},
    ),
    (SessionEvent(number=4, deleted=Empty()), {"type": "deleted", "number": 4}),
    (SessionEvent(number=4), None),
]


@pytest.mark.parametrize(("event", "frame"), FRAMES, ids=[f"event {i}" for i in range(len(FRAMES))])
def test_an_event_is_one_message_over_both_streams(event: SessionEvent, frame: Any) -> None:
    asks = SEND.call(asked({"message": "Hi", "stream": True}, PATH))
    assert isinstance(asks, Streaming)

    over_sse = [each for each in asks.events(event) if isinstance(each, bytes)]

    assert said(over_sse) == said(ChatTalk("s", "req-1").tell(event))
    assert said(over_sse) == ([] if frame is None else [frame])


def said(messages: Iterable[Any]) -> list[Any]:
    return [orjson.loads(message) for message in messages]


def ask(talk: ChatTalk, **message: Any) -> list[Any]:
    """What follows from a message: requests as they are, answers parsed."""
    heard = talk.hear(orjson.dumps(message).decode(), NOW)
    return [orjson.loads(each) if isinstance(each, bytes) else each for each in heard]


OPEN = ConverseRequest(session_id="s", open=ConverseRequest.Open())
HI = ConverseRequest(reference="r", send=SendMessageRequest(content="Hi", metadata={"a": "b"}))


def test_the_websocket_begins_with_what_is_said_first() -> None:
    ws = STREAM.call(asked(None, PATH))
    assert isinstance(ws, WebSocket)

    assert (ws.rpc.name, ws.message) == ("Converse", None)
    talk = ws.talk
    assert isinstance(talk, ChatTalk)
    hi = {"type": "message", "message": "Hi", "metadata": {"a": "b"}, "reference": "r"}
    assert ask(talk, **hi) == [OPEN, HI]
    assert ask(talk, **hi) == [HI]
    assert ask(talk, type="cancel") == [ConverseRequest(cancel=ConverseRequest.CancelMessage())]
    assert ask(talk, type="cancel", message_id="m") == [
        ConverseRequest(cancel=ConverseRequest.CancelMessage(message_id="m"))
    ]


def test_a_ping_is_answered_and_begins_it() -> None:
    talk = ChatTalk("s", "req-1")
    pong = {"type": "pong", "timestamp": TOLD_NOW}

    assert ask(talk, type="ping") == [OPEN, pong]
    assert ask(talk, type="ping", reference="p") == [{**pong, "reference": "p"}]


def test_it_resumes_by_its_url_or_by_what_is_said_first() -> None:
    after = ConverseRequest(session_id="s", open=ConverseRequest.Open(after=17))
    by_url = STREAM.call(asked(None, PATH, after="17"))
    assert isinstance(by_url, WebSocket)
    assert by_url.message == after
    assert isinstance(by_url.talk, ChatTalk)

    (too_late,) = ask(by_url.talk, type="resume", after=17)
    assert too_late["error"]["field_errors"].keys() == {"type"}
    assert ask(ChatTalk("s", ""), type="resume", after=17) == [after]
    assert ask(ChatTalk("s", ""), type="resume") == [OPEN]
    assert refused(STREAM, asked(None, PATH, after="-1")).field_violations[0].field == "after"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "dance"}, "type"),
        ({}, "type"),
        ({"type": "message"}, "message"),
        ({"type": "message", "message": ""}, "message"),
        ({"type": "cancel", "message_id": 1}, "message_id"),
        ({"type": "resume", "after": -1}, "after"),
        ({"type": "ping", "reference": "x" * 129}, "reference"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_sent(
    message: dict[str, Any], field: str
) -> None:
    (answer,) = ask(ChatTalk("s", "req-1"), **{"reference": "r", **message})

    assert answer["type"] == "error"
    assert list(answer["error"]["field_errors"]) == [field]
    assert answer["request_id"] == "req-1"
    assert answer["reference"] == message.get("reference", "r")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100 + "]" * 100])
def test_what_cannot_be_read_is_told(text: str) -> None:
    (answer,) = said(ChatTalk("s", "req-1").hear(text, NOW))

    assert (answer["type"], answer["code"]) == ("error", 422)


def test_what_the_server_rejects_is_an_error_with_the_apis_names() -> None:
    violation = FieldViolation(field="send.content", description="must be shorter")
    error = Error(
        code="INVALID_ARGUMENT", reason=ErrorReason.FIELD_INVALID, field_violations=[violation]
    )

    (answer,) = said(ChatTalk("s", "req-1").tell(SessionEvent(reference="r", rejected=error)))

    assert answer["error"]["field_errors"] == {"message": "must be shorter"}
    assert (answer["type"], answer["reference"]) == ("error", "r")
    assert answer["request_id"] == "req-1"
    assert "number" not in answer


def test_it_beats_ends_and_fails_in_messages_of_its_own() -> None:
    talk = ChatTalk("s", "req-1")

    assert talk.beat(NOW) == orjson.dumps({"type": "heartbeat", "timestamp": TOLD_NOW})
    assert talk.end(NOW) == b'{"type":"end"}'
    gone = Error(
        code="NOT_FOUND", reason=ErrorReason.SESSION_NOT_FOUND, metadata={"session_id": "s"}
    )
    failed = orjson.loads(talk.fail(gone, NOW))
    assert (failed["type"], failed["error"]["resource"], failed["error"]["resource_id"]) == (
        "error",
        "session",
        "s",
    )
