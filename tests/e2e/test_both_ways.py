"""Streams that go both ways: the same over gRPC, inside the process and over WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc.aio
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.sessions_pb2 import ConverseRequest, SessionEvent
from tests.conversations import (
    HANDSHAKE,
    PATH,
    SECONDS,
    SESSION,
    WIRES,
    ChannelLine,
    Service,
    conversation,
    end_of,
    frame,
    ping,
    raw_call,
    reason,
    serving,
    tcp,
    websocket,
    words,
)

TOO_LONG = ConverseRequest.CancelMessage(message_id="x" * 129)

over_every_wire = pytest.mark.parametrize("wire", WIRES)
over_sockets = pytest.mark.parametrize("wire", ["inside", "apart"])


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving() as service:
        yield service


def calls(service: Service, code: str) -> float | None:
    return service.metrics.registry.get_sample_value(
        "funland_calls_total", {"rpc": "SessionService.Converse", "code": code}
    )


@over_every_wire
async def test_each_message_is_answered_while_the_stream_goes_on(
    service: Service, wire: str
) -> None:
    async with conversation(service, wire) as line:
        for number in range(3):
            await line.say(words(f"word {number}", f"r{number}"))
            event = await line.hear()
            assert (event.reference, event.delta.text) == (f"r{number}", f"word {number}")
        await line.say(ping("p"))
        assert (await line.hear()).HasField("pong")

    opened, *rest = service.parrot.heard
    assert (opened.session_id, opened.HasField("open")) == (SESSION, True)
    assert [request.session_id for request in rest] == [""] * 4


@over_every_wire
async def test_many_messages_said_at_once_are_answered_in_their_order(
    service: Service, wire: str
) -> None:
    async with conversation(service, wire) as line:
        for number in range(200):
            await line.say(words(str(number)))
        assert [(await line.hear()).delta.text for _ in range(200)] == list(map(str, range(200)))


@over_every_wire
async def test_who_has_nothing_more_to_say_hears_the_rest(service: Service, wire: str) -> None:
    async with conversation(service, wire) as line:
        await line.say(words("last"))
        await line.finish()

        assert (await line.hear()).delta.text == "last"
        assert (await end_of(line)).error is None
    assert calls(service, "OK") == 1


@over_sockets
async def test_nothing_follows_the_end_of_what_is_said(service: Service, wire: str) -> None:
    async with conversation(service, wire) as line:
        await line.say(words("hold"))
        await line.finish()
        await line.say(words("more"))

        end = await end_of(line)

    assert reason(end) == "FIELD_INVALID"


@over_every_wire
async def test_a_call_that_ends_ends_the_stream(service: Service, wire: str) -> None:
    async with conversation(service, wire) as line:
        await line.say(words("bye"))

        assert (await end_of(line)).error is None
    assert calls(service, "OK") == 1


@over_every_wire
async def test_a_broken_rule_is_told_and_the_stream_goes_on(service: Service, wire: str) -> None:
    async with conversation(service, wire) as line:
        await line.say(ConverseRequest(reference="wrong", cancel=TOO_LONG))
        rejected = await line.hear()
        await line.say(words("right"))

        assert (await line.hear()).delta.text == "right"
    assert rejected.reference == "wrong"
    assert rejected.rejected.reason == ErrorReason.FIELD_INVALID
    (violation,) = rejected.rejected.field_violations
    assert violation.field == "cancel.message_id"
    assert len(service.parrot.heard) == 2  # without it


@over_every_wire
async def test_a_broken_rule_that_nobody_looks_at_ends_the_call(
    service: Service, wire: str
) -> None:
    async with conversation(service, wire) as line:
        await line.say(words("strict"))
        await line.say(ConverseRequest(cancel=TOO_LONG))
        end = await end_of(line)

    assert reason(end) == "FIELD_INVALID"
    assert end.error is not None
    assert [each.field for each in end.error.field_violations] == ["cancel.message_id"]
    assert calls(service, "INVALID_ARGUMENT") == 1


@over_every_wire
async def test_an_error_ends_the_stream_in_its_own_words(service: Service, wire: str) -> None:
    async with conversation(service, wire) as line:
        await line.say(words("fail"))
        end = await end_of(line)

    assert reason(end) == "SESSION_NOT_FOUND"
    assert end.error is not None
    assert dict(end.error.metadata) == {"session_id": SESSION}
    assert end.error.request_id
    assert calls(service, "NOT_FOUND") == 1


@over_every_wire
@pytest.mark.parametrize("doing", ["waits", "floods"])
async def test_who_goes_ends_the_call(service: Service, wire: str, doing: str) -> None:
    async with conversation(service, wire) as line:
        await line.say(words("flood" if doing == "floods" else "hello"))
        await line.hear()
        if not isinstance(line, ChannelLine):
            await line.leave()

    async with asyncio.timeout(SECONDS):
        await service.parrot.ended.wait()
    # Now and then gRPC tells of a reset first as of the end of what is said.
    assert (calls(service, "CANCELLED") or 0) + (calls(service, "OK") or 0) == 1
    assert service.pipeline.active == 0


@over_every_wire
async def test_a_deadline_ends_the_stream(service: Service, wire: str) -> None:
    async with conversation(service, wire, timeout=0.2) as line:
        end = await end_of(line)

    assert reason(end) == "DEADLINE_PASSED"
    async with asyncio.timeout(SECONDS):
        await service.parrot.ended.wait()


async def test_bytes_that_are_no_message_are_refused_as_one_that_breaks_a_rule(
    service: Service,
) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = raw_call(channel)
        await call.write(b"\xff\xff\xff")
        answer = SessionEvent.FromString(await call.read())
        await call.write(words("right").SerializeToString())

        assert SessionEvent.FromString(await call.read()).delta.text == "right"
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    assert answer.rejected.reason == ErrorReason.BODY_MALFORMED


@pytest.mark.parametrize("wire", ["grpc", "inside", "apart"])
async def test_who_reads_nothing_is_cut_off(wire: str) -> None:
    async with serving(send_timeout=0.2) as service:
        if wire == "grpc":
            async with grpc.aio.insecure_channel(service.address) as channel:
                call = raw_call(channel)
                await call.write(words("flood").SerializeToString())
                await call.read()  # and no more
                async with asyncio.timeout(SECONDS):
                    await service.parrot.ended.wait()
            return
        async with tcp(service.gateways[wire]) as (reader, writer):
            writer.write(HANDSHAKE + frame(b'{"send": {"content": "flood"}}'))
            await reader.readuntil(b"\r\n\r\n")
            await service.parrot.ended.wait()


@over_sockets
async def test_an_open_stands_before_what_is_said_first(service: Service, wire: str) -> None:
    async with websocket(service.gateways[wire]) as line:
        await line.say_raw('{"send": {"content": "hi"}, "reference": "r"}')
        assert (await line.hear()).reference == "r"

    opened, said = service.parrot.heard
    assert (opened.session_id, opened.WhichOneof("command")) == (SESSION, "open")
    assert not opened.open.HasField("after")
    assert (said.session_id, said.send.content) == ("", "hi")


@over_sockets
async def test_an_open_that_is_said_is_not_said_twice(service: Service, wire: str) -> None:
    async with websocket(service.gateways[wire]) as line:
        await line.say_raw('{"session_id": "another", "open": {"after": 7}}')
        await line.say(words("hi"))
        await line.hear()

    opened, _ = service.parrot.heard
    assert (opened.session_id, opened.open.after) == (SESSION, 7)


@over_sockets
async def test_a_query_opens_before_anything_is_said(service: Service, wire: str) -> None:
    async with websocket(service.gateways[wire], f"{PATH}?open.after=7&reference=q") as line:
        await line.say(words("hi"))
        await line.hear()

    opened, _ = service.parrot.heard
    assert (opened.session_id, opened.reference, opened.open.after) == (SESSION, "q", 7)


@over_sockets
@pytest.mark.parametrize(
    ("text", "reason", "field"),
    [
        ('{"reference": "r", "sned": {}}', "FIELD_INVALID", "sned"),
        ('{"reference": "r", "send": {"content": 7}}', "FIELD_INVALID", "send.content"),
        ("[1]", "BODY_MALFORMED", ""),
        ("{", "BODY_MALFORMED", ""),
        ("", "BODY_MALFORMED", ""),
        ('{"send": ' + "[" * 100 + "]" * 100 + "}", "BODY_MALFORMED", ""),
    ],
    ids=["unknown", "type", "list", "cut", "empty", "deep"],
)
async def test_a_message_that_cannot_be_read_is_rejected_and_the_stream_goes_on(
    service: Service, wire: str, text: str, reason: str, field: str
) -> None:
    async with websocket(service.gateways[wire]) as line:
        await line.say_raw(text)
        event = await line.hear()
        await line.say(words("right"))

        assert (await line.hear()).delta.text == "right"
    assert event.reference == ("r" if '"r"' in text else "")
    assert ErrorReason.Name(event.rejected.reason) == reason
    assert event.rejected.request_id
    assert [each.field for each in event.rejected.field_violations] == ([field] if field else [])
