"""Kept conversations, alike over gRPC and REST, in the service as a user starts it."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import grpc
import pytest
from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.message import Message as AnyMessage
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from funland.v1 import sessions_pb2
from funland.v1.inference_pb2 import Message, OutputFormat, SamplingParameters
from funland.v1.sessions_pb2 import (
    ExportSessionRequest,
    Session,
    SessionEvent,
    SessionMessage,
    Tags,
)
from tests.conftest import Stack
from tests.processes import still

_SECONDS = 120
_RPCS = {
    rpc.name: rpc for rpc in sessions_pb2.DESCRIPTOR.services_by_name["SessionService"].methods
}
GREEDY = SamplingParameters(temperature=0, max_tokens=8)
ENDLESS = SamplingParameters(temperature=0, max_tokens=7000, ignore_end=True)
WORDS = OutputFormat(regex="[a-z ]+")
"""So that all of it is seen."""


class Refused(Exception):
    """A call's error: its reason, and the fields that are wrong."""


def _request(name: str, fields: dict[str, Any]) -> AnyMessage:
    return GetMessageClass(_RPCS[name].input_type)(**fields)


def _serialize(message: AnyMessage) -> bytes:
    return message.SerializeToString()


class Grpc:
    """Asks by gRPC."""

    def __init__(self, stack: Stack) -> None:
        self._channel: Any = grpc.insecure_channel(stack.grpc_address)

    def ask(self, name: str, **fields: Any) -> Any:
        call = self._call(name, self._channel.unary_unary)
        try:
            return call(_request(name, fields), timeout=_SECONDS)
        except grpc.RpcError as error:
            raise _refused(error) from None

    @contextmanager
    def stream(self, name: str, **fields: Any) -> Generator[Iterator[SessionEvent]]:
        call = self._call(name, self._channel.unary_stream)(
            _request(name, fields), timeout=_SECONDS
        )
        try:
            yield self._events(call)
        finally:
            call.cancel()

    def close(self) -> None:
        self._channel.close()

    def _call(self, name: str, kind: Any) -> Any:
        return kind(
            f"/funland.v1.SessionService/{name}",
            request_serializer=_serialize,
            response_deserializer=GetMessageClass(_RPCS[name].output_type).FromString,
        )

    @staticmethod
    def _events(call: Any) -> Iterator[SessionEvent]:
        try:
            yield from call
        except grpc.RpcError as error:
            raise _refused(error) from None


def _refused(error: Any) -> Refused:
    status: Any = rpc_status
    info = ""
    fields: list[str] = []
    for detail in status.from_call(error).details:
        reason, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(reason):
            info = reason.reason
        if detail.Unpack(bad):
            fields = [one.field for one in bad.field_violations]
    return Refused(info, fields)


class Rest:
    """Asks by JSON, as the contract's annotations have it."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.http_url

    def ask(self, name: str, **fields: Any) -> Any:
        with self._open(name, fields) as response:
            body = response.read()
        answer: Any = GetMessageClass(_RPCS[name].output_type)()
        if name == "ExportSession":
            return type(answer)(content_type=response.headers["content-type"], data=body)
        return json_format.Parse(body, answer)

    @contextmanager
    def stream(self, name: str, **fields: Any) -> Generator[Iterator[SessionEvent]]:
        with self._open(name, fields) as response:
            yield self._events(response)

    def close(self) -> None:
        pass

    def _open(self, name: str, fields: dict[str, Any]) -> Any:
        try:
            return urlopen(_http(self._url, name, fields), timeout=_SECONDS)  # noqa: S310 - our own
        except HTTPError as error:
            raise _told(json.load(error)) from None

    @staticmethod
    def _events(lines: Any) -> Iterator[SessionEvent]:
        kind = ""
        for line in lines:
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "error":
                raise _told(json.loads(value))
            elif name == "data" and not kind:
                yield json_format.Parse(value, SessionEvent())


def _told(body: Any) -> Refused:
    error = body["error"]
    return Refused(error["reason"], [one["field"] for one in error["field_violations"]])


def _http(url: str, name: str, fields: dict[str, Any]) -> Request:
    """What a call is over HTTP."""
    options: Any = _RPCS[name].GetOptions()
    rule: Any = options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    values = json_format.MessageToDict(_request(name, fields), preserving_proto_field_name=True)
    url += re.sub(r"{(\w+)}", lambda match: values.pop(match[1]), getattr(rule, verb))
    if rule.body:
        body, headers = json.dumps(values).encode(), {"content-type": "application/json"}
        return Request(url, body, headers, method=verb.upper())  # noqa: S310 - our own
    query = {name: "true" if value is True else value for name, value in values.items()}
    return Request(f"{url}?{urlencode(query, doseq=True)}", method=verb.upper())  # noqa: S310 - our own


@pytest.fixture(params=[Grpc, Rest])
def wire(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Grpc | Rest]:
    wire = request.param(stack)
    yield wire
    wire.close()


def test_a_conversation_from_its_beginning_to_its_end(wire: Grpc | Rest) -> None:
    session: Session = wire.ask(
        "CreateSession",
        sampling=GREEDY, system_message="Be brief.", tags=["geography", "e2e"],
        metadata={"user": "ann"},
    )  # fmt: skip
    name = session.session_id
    with wire.stream("StreamMessage", session_id=name, content="Hello!") as stream:
        events = list(stream)
    told = wire.ask("SendMessage", session_id=name, content="Where is the Übersee?")
    changed = wire.ask(
        "UpdateSession", session_id=name, title="A talk", tags=Tags(tags=["e2e"]),
        metadata={"user": "", "place": "here"},
    )  # fmt: skip
    now = wire.ask("GetSession", session_id=name)

    said, begun, *_, ended = events
    assert said.message.message == Message(role=Message.USER, content="Hello!")
    assert begun.message.state == SessionMessage.IN_PROGRESS
    assert ended.message.message.content == "".join(event.delta.text for event in events)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert told.sent.parent_message_id == ended.message_id
    assert session.title == ""
    assert (changed.title, list(changed.tags)) == ("A talk", ["e2e"])
    assert dict(changed.metadata) == {"place": "here"}
    assert now == changed
    assert now.message_count == 4
    assert now.model == "funland-tiny"
    message = wire.ask("GetMessage", session_id=name, message_id=told.answer.message_id)
    assert message == told.answer
    page = wire.ask("ListMessages", session_id=name, page_size=3)
    rest = wire.ask("ListMessages", session_id=name, page_token=page.next_page_token)
    assert [*page.messages, *rest.messages] == [
        said.message, ended.message, told.sent, told.answer,
    ]  # fmt: skip
    found = wire.ask("ListSessions", query="ÜBERSEE wo", tags=["e2e"], page_size=1)
    assert [one.session_id for one in found.sessions] == []
    found = wire.ask("ListSessions", query="UBERSEE talk", tags=["e2e"], model=now.model)
    assert now in found.sessions
    wire.ask("DeleteSession", session_id=name)
    for call in ("GetSession", "DeleteSession", "ListMessages", "ExportSession", "ForkSession"):
        with pytest.raises(Refused, match="SESSION_NOT_FOUND"):
            wire.ask(call, session_id=name)


def test_branches_forks_and_documents(wire: Grpc | Rest) -> None:
    name = wire.ask("CreateSession", sampling=GREEDY, title="Two ways").session_id
    first = wire.ask("SendMessage", session_id=name, content="Hello!")
    edited = wire.ask(
        "SendMessage", session_id=name, content="Hi!", edit_message_id=first.sent.message_id
    )
    again = wire.ask("SendMessage", session_id=name, regenerate_message_id=first.answer.message_id)

    fork: Session = wire.ask("ForkSession", session_id=name, message_id=first.answer.message_id)
    document = wire.ask("ExportSession", session_id=name)
    page = wire.ask(
        "ExportSession", session_id=name, format=ExportSessionRequest.MARKDOWN,
        message_id=edited.answer.message_id,
    )  # fmt: skip

    assert (fork.title, fork.message_count) == ("Two ways", 2)
    assert fork.forked_from.session_id == name
    assert fork.forked_from.message_id == first.answer.message_id
    copied = wire.ask("ListMessages", session_id=fork.session_id).messages
    assert [one.message for one in copied] == [first.sent.message, first.answer.message]
    assert copied[-1].message_id == fork.head_message_id
    assert {one.message_id for one in copied}.isdisjoint(
        {first.sent.message_id, first.answer.message_id}
    )
    wire.ask("SendMessage", session_id=fork.session_id, content="Go on.")
    assert document.content_type.startswith("application/json")
    told = json.loads(document.data)
    everything = wire.ask("ListMessages", session_id=name, all_branches=True).messages
    assert [one["message_id"] for one in told["messages"]] == [one.message_id for one in everything]
    assert json_format.ParseDict(told["session"], Session()).message_count == 5
    assert list(again.answer.sibling_message_ids) == told["messages"][1]["sibling_message_ids"]
    assert page.content_type == "text/markdown; charset=utf-8"
    assert page.data.decode().startswith("# Two ways\n\n## User\n\nHi!\n\n## Assistant\n\n")


def test_an_answer_is_watched_resumed_and_cancelled(wire: Grpc | Rest, stack: Stack) -> None:
    name = wire.ask("CreateSession", sampling=ENDLESS).session_id
    with ExitStack() as until_it_is_cancelled:
        with wire.stream("StreamMessage", session_id=name, content="Hello!", format=WORDS) as told:
            seen, following = islice((event for event in told if event.HasField("delta")), 2)
            until_it_is_cancelled.enter_context(still(stack.pid))

        with wire.stream("WatchSession", session_id=name, after=seen.number) as stream:
            session, event = (next(stream) for _ in range(2))
            cancelled = wire.ask("CancelMessage", session_id=name, message_id=seen.message_id)
            ended = next(event for event in stream if event.HasField("message"))
            wire.ask("DeleteSession", session_id=name)
            assert next(stream).HasField("deleted")

    assert session.session.state == Session.ANSWERING
    assert event == following
    assert ended.message == cancelled
    assert cancelled.state == SessionMessage.CANCELLED
    assert cancelled.message.content


@pytest.mark.parametrize(
    ("call", "fields", "reason", "named"),
    [
        ("CreateSession", {"model": "nowhere"}, "MODEL_NOT_FOUND", []),
        ("CreateSession", {"device_ids": ["gpu_99"]}, "DEVICE_NOT_FOUND", []),
        ("CreateSession", {"device_ids": ["GPU"]}, "FIELD_INVALID", ["device_ids[0]"]),
        ("CreateSession", {"tags": ["a", "a"]}, "FIELD_INVALID", ["tags"]),
        ("ListSessions", {"page_token": "?"}, "FIELD_INVALID", ["page_token"]),
        ("ListSessions", {"page_size": 101}, "FIELD_INVALID", ["page_size"]),
        ("SendMessage", {}, "FIELD_INVALID", ["content"]),
        ("StreamMessage", {}, "FIELD_INVALID", ["content"]),
        ("SendMessage", {"regenerate_message_id": "x"}, "MESSAGE_NOT_FOUND", []),
        ("UpdateSession", {"head_message_id": "x"}, "MESSAGE_NOT_FOUND", []),
        ("UpdateSession", {"model": "nowhere"}, "MODEL_NOT_FOUND", []),
        ("GetMessage", {"message_id": "x"}, "MESSAGE_NOT_FOUND", []),
        ("CancelMessage", {"message_id": "x"}, "MESSAGE_NOT_FOUND", []),
        ("ForkSession", {"message_id": "x"}, "MESSAGE_NOT_FOUND", []),
        ("ListMessages", {"page_token": "x"}, "FIELD_INVALID", ["page_token"]),
        ("WatchSession", {"after": -1}, "FIELD_INVALID", ["after"]),
    ],
)
def test_what_is_wrong_is_named(
    wire: Grpc | Rest, call: str, fields: dict[str, Any], reason: str, named: list[str]
) -> None:
    if call not in ("CreateSession", "ListSessions"):
        fields = {"session_id": wire.ask("CreateSession").session_id, **fields}

    def do() -> None:
        if not _RPCS[call].server_streaming:
            wire.ask(call, **fields)
            return
        with wire.stream(call, **fields) as stream:
            next(stream)

    with pytest.raises(Refused) as raised:
        do()

    assert raised.value.args == (reason, named)
