"""What is made of the messages of a WebSocket, before any wire."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.empty_pb2 import Empty

from funland.v1 import sessions_pb2
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import Delta
from funland.v1.sessions_pb2 import ConverseRequest, SessionEvent
from funland_gateway.failures import CallFailed
from funland_gateway.transcoding.conversing import NativeTalk
from funland_gateway.transcoding.routes import compile_routes

(CONVERSE,) = [
    route for route in compile_routes([sessions_pb2.DESCRIPTOR]) if route.rpc.client_streaming
]
OPEN = ConverseRequest(session_id="s", open=ConverseRequest.Open())


@pytest.fixture
def talk() -> NativeTalk:
    return NativeTalk(CONVERSE, {"session_id": "s"}, "call-1")


@pytest.fixture
def plain(kitchen_file: FileDescriptor) -> NativeTalk:
    """One with an RPC that knows neither `open` nor `rejected`."""
    (route,) = [each for each in compile_routes([kitchen_file]) if each.rpc.client_streaming]
    return NativeTalk(route, {"text": "path"}, "call-1")


def heard(talk: NativeTalk, *texts: str) -> list[Any]:
    return [each for text in texts for each in talk.hear(text, 0)]


@pytest.mark.parametrize(
    ("texts", "requests"),
    [
        (['{"open": {}}'], [OPEN]),
        (
            ['{"open": {"after": "7"}}'],
            [ConverseRequest(session_id="s", open=ConverseRequest.Open(after=7))],
        ),
        (["{}"], [OPEN, ConverseRequest()]),
        (['{"ping": {}}'], [OPEN, ConverseRequest(ping=Empty())]),
        (
            ['{"ping": {}}', '{"open": {}}', '{"sessionId": "t"}'],
            [
                OPEN,
                ConverseRequest(ping=Empty()),
                ConverseRequest(open=ConverseRequest.Open()),
                ConverseRequest(session_id="t"),
            ],
        ),
    ],
)
def test_the_first_message_has_the_path_and_an_open(
    talk: NativeTalk, texts: list[str], requests: list[ConverseRequest]
) -> None:
    assert heard(talk, *texts) == requests


def test_a_message_that_cannot_be_read_does_not_open(talk: NativeTalk) -> None:
    (rejected,) = heard(talk, '{"reference": "r", "dance": {}}')

    assert heard(talk, '{"ping": {}}')[0] == OPEN
    told = orjson.loads(rejected)
    assert told["reference"] == "r"
    assert told["rejected"]["request_id"] == "call-1"
    assert told["rejected"]["field_violations"][0]["field"] == "dance"


def test_without_a_field_for_it_what_cannot_be_read_ends_it(plain: NativeTalk) -> None:
    (first,) = heard(plain, '{"text": "body", "flag": true}')
    assert (first.text, first.flag) == ("path", True)

    with pytest.raises(CallFailed) as raised:
        plain.hear('{"dance": 1}', 0)

    assert raised.value.error.reason == ErrorReason.FIELD_INVALID


def test_bytes_end_it(talk: NativeTalk) -> None:
    with pytest.raises(CallFailed) as raised:
        talk.hear(b"{}", 0)

    assert raised.value.error.reason == ErrorReason.CONTENT_UNSUPPORTED


def test_what_is_told_is_as_short_as_in_other_streams(talk: NativeTalk) -> None:
    event = SessionEvent(number=3, delta=Delta(text="a"))

    assert talk.tell(event) == [b'{"number":3,"delta":{"text":"a"}}']
    assert talk.end(0) == b'{"end":{}}'
    assert talk.beat(0) is None
    assert orjson.loads(talk.fail(Error(code="NOT_FOUND"), 0))["error"]["code"] == "NOT_FOUND"
