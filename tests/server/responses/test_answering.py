"""Responses that real models make, and what of them is kept."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import grpc.aio
import pytest

from funland.v1.inference_pb2 import ChatRequest, GenerationOptions, Message
from funland.v1.responses_pb2 import (
    CreateResponseRequest,
    DeleteResponseRequest,
    GetResponseRequest,
    ListResponseInputRequest,
    Response,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, details, streamed
from tests.server.responses.calls import GREEDY, chat, create, kept, request, stream, user


async def test_a_response_answers_as_a_chat_does(server: Server) -> None:
    response = await create(server, metadata={"topic": "test"})

    assert response.output.content == await chat(server, user("Hello!"))
    assert response.output.role == Message.ASSISTANT
    assert response.model == "funland-tiny"
    assert response.state == Response.INCOMPLETE  # eight tokens were too few
    assert response.usage.completion_tokens == 8
    assert response.metadata == {"topic": "test"}
    assert response.request.sampling == GREEDY
    assert not response.request.messages


async def test_a_response_is_found_again_with_what_it_answers(server: Server) -> None:
    response = await create(server)
    name = response.response_id

    found = await call(server, "GetResponse", GetResponseRequest(response_id=name))
    asked = await call(server, "ListResponseInput", ListResponseInputRequest(response_id=name))

    assert found == response
    assert list(asked.messages) == [user("Hello!")]


async def test_a_response_follows_all_those_before_it(server: Server) -> None:
    first = await create(server)
    second = await create(server, "Thanks!", previous_response_id=first.response_id)

    third = await create(server, "Bye!", previous_response_id=second.response_id)

    assert third.previous_response_id == second.response_id
    said = (user("Hello!"), first.output, user("Thanks!"), second.output, user("Bye!"))
    assert third.output.content == await chat(server, *said)
    alone = await create(server, "Bye!")
    assert third.usage.prompt_tokens > alone.usage.prompt_tokens


async def test_instructions_are_for_one_answer_alone(server: Server) -> None:
    system = Message(role=Message.SYSTEM, content="You tell stories.")
    first = await create(server, instructions=system.content)

    second = await create(server, "Thanks!", previous_response_id=first.response_id)

    assert first.output.content == await chat(server, system, user("Hello!"))
    said = (user("Hello!"), first.output, user("Thanks!"))
    assert second.output.content == await chat(server, *said)
    assert second.instructions == ""


async def test_a_streamed_response_is_kept_when_its_last_event_comes(
    server: Server, settings: ServerSettings
) -> None:
    at_the_end: list[Response.State.ValueType] = []
    events: list[Any] = []
    async for event in streamed(server, "StreamResponse", request()):
        events.append(event)
        if event.HasField("completed"):
            at_the_end = kept(settings)

    assert at_the_end == [Response.INCOMPLETE]
    created, *middle, last = events
    assert created.created.state == Response.IN_PROGRESS
    assert created.created.model == "funland-tiny"
    assert "".join(event.delta.text for event in middle) == last.completed.output.content
    name = created.created.response_id
    assert last.completed == await call(server, "GetResponse", GetResponseRequest(response_id=name))


@pytest.mark.parametrize("background", [False, True])
async def test_a_stream_tells_the_load_and_the_prompt_if_it_is_asked_to(
    server: Server, background: bool
) -> None:
    wanted = request(background=background)
    wanted.chat.options.progress = True

    events = await stream(server, wanted)

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds.index("loading") < kinds.index("prefill") < kinds.index("delta")
    assert kinds[-1] == "completed"
    # In the background a response begins with its first event; else with its model.
    assert (kinds[0] == "created") == background
    told = [event.loading for event in events if event.HasField("loading")]
    assert {loading.model for loading in told} == {"funland-tiny"}
    done = [event.prefill for event in events if event.HasField("prefill")]
    assert done[-1].done == done[-1].total == events[-1].completed.usage.prompt_tokens


async def test_a_stream_that_is_not_asked_tells_neither(server: Server) -> None:
    kinds = {event.WhichOneof("event") for event in await stream(server, request())}

    assert kinds.isdisjoint({"loading", "prefill"})


async def test_what_is_not_to_be_stored_is_not(server: Server, settings: ServerSettings) -> None:
    response = await create(server, store=False)

    assert not response.stored
    assert kept(settings) == []
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await create(server, previous_response_id=response.response_id)
    assert details(raised.value)["ErrorInfo"].reason == "RESPONSE_NOT_FOUND"


async def test_a_stream_that_nobody_reads_to_its_end_is_not_kept(
    server: Server, settings: ServerSettings
) -> None:
    async with aclosing(streamed(server, "StreamResponse", request())) as events:
        first = await anext(events)

    assert first.HasField("created")
    assert kept(settings) == []


async def test_a_deleted_response_is_gone(server: Server, settings: ServerSettings) -> None:
    response = await create(server)
    name = response.response_id

    await call(server, "DeleteResponse", DeleteResponseRequest(response_id=name))

    assert kept(settings) == []
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "DeleteResponse", DeleteResponseRequest(response_id=name))
    info = details(raised.value)["ErrorInfo"]
    assert (info.reason, info.metadata["response_id"]) == ("RESPONSE_NOT_FOUND", name)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (GenerationOptions(n=2), "n"),
        (GenerationOptions(prompt_logprobs=0), "prompt_logprobs"),
    ],
)
async def test_what_a_response_can_not_tell_is_refused(
    server: Server, settings: ServerSettings, options: GenerationOptions, field: str
) -> None:
    wanted = request()
    wanted.chat.options.CopyFrom(options)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "CreateResponse", wanted)

    violations = details(raised.value)["BadRequest"].field_violations
    assert [violation.field for violation in violations] == [f"chat.options.{field}"]
    assert kept(settings) == []


async def test_history_and_news_may_not_have_more_messages_than_a_chat(server: Server) -> None:
    first = await create(server)
    many = CreateResponseRequest(
        chat=ChatRequest(messages=[user("x")] * 4095), previous_response_id=first.response_id
    )

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "CreateResponse", many)

    violations = details(raised.value)["BadRequest"].field_violations
    assert [violation.field for violation in violations] == ["previous_response_id"]


async def test_a_failed_response_is_not_kept(server: Server, settings: ServerSettings) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stream(server, request("word " * 2000))

    assert details(raised.value)["ErrorInfo"].reason == "PROMPT_TOO_LONG"
    assert kept(settings) == []
