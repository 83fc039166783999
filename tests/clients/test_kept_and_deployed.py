"""Kept conversations, deployments and nodes in the Python client, against the real service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from funland.v1.deployments_pb2 import Deployment
from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import SessionEvent, SessionMessage
from funland.v1.system_pb2 import PartHealth
from funland_client import AsyncFunland, Funland
from funland_client.errors import (
    DeploymentExistsError,
    DeploymentNotFoundError,
    DeploymentNotRunningError,
    ModelNotFoundError,
    SessionNotFoundError,
)
from tests.relay import relaying

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
SECONDS = 120
CUT_BYTES = 1000
"""Of an answer of 400 tokens, whose text and message have twice as many however its pieces are
joined."""


@pytest.fixture
def client(stack: Stack) -> Iterator[Funland]:
    with Funland(stack.grpc_address, timeout=SECONDS) as opened:
        yield opened


@pytest.fixture
async def async_client(stack: Stack) -> AsyncIterator[AsyncFunland]:
    async with AsyncFunland(stack.grpc_address, timeout=SECONDS) as opened:
        yield opened


def contents(messages: list[SessionMessage]) -> list[str]:
    return [message.message.content for message in messages]


def test_a_conversation_is_kept_branch_by_branch(client: Funland) -> None:
    session = client.sessions.create(temperature=0, max_tokens=16, title="T", tags=["t"])
    name = session.session_id

    first = client.sessions.send(name, "Hello")
    with client.sessions.stream(name, "What is the capital of France?") as stream:
        text = "".join(stream)
    again = client.sessions.send(name, regenerate_message_id=stream.answer.message_id)
    edited = client.sessions.send(name, "Bye", edit_message_id=first.sent.message_id)
    branch = client.sessions.messages(name)

    assert text == stream.text == stream.answer.message.content == again.answer.message.content
    assert [again.answer.message_id] == [*again.answer.sibling_message_ids][1:]
    assert contents(branch) == ["Bye", edited.answer.message.content]
    assert len(client.sessions.messages(name, all_branches=True)) == 7
    assert contents(client.sessions.messages(name, stream.answer.message_id))[0] == "Hello"
    whole = client.chat("Hello", temperature=0, max_tokens=16)
    assert first.answer.message.content == whole.message.content


def test_what_is_said_twice_with_one_word_is_said_once(client: Funland) -> None:
    name = client.sessions.create(temperature=0, max_tokens=8).session_id

    first = client.sessions.send(name, "Hello", idempotency_key="mine")
    again = client.sessions.send(name, "Hello", idempotency_key="mine")
    streamed = "".join(client.sessions.stream(name, "Hello", idempotency_key="mine"))

    assert again == first
    assert streamed == first.answer.message.content
    assert len(client.sessions.messages(name)) == 2


async def test_a_session_is_found_changed_forked_exported_and_deleted(
    async_client: AsyncFunland,
) -> None:
    sessions = async_client.sessions
    name = (await sessions.create(MODEL, tags=["zebra"], max_tokens=4)).session_id
    said = await sessions.send(name, "Hello, okapi")

    renamed = await sessions.update(name, title="Animals", tags=["okapi"], sampling={"top_k": 1})
    fork = await sessions.fork(name, said.sent.message_id, title="Fork")
    markdown = await sessions.export(name, "markdown")
    document = await sessions.export(name)
    found = await sessions.list("OKAPI hello", tags=["okapi"], model=MODEL)
    message = await sessions.message(name, said.answer.message_id)
    await sessions.delete(name)

    assert (renamed.title, [*renamed.tags]) == ("Animals", ["okapi"])
    assert (renamed.sampling.top_k, renamed.sampling.HasField("max_tokens")) == (1, False)
    assert contents(await sessions.messages(fork.session_id)) == ["Hello, okapi"]
    assert "Hello, okapi" in markdown
    assert said.answer.message_id in document
    assert [session.session_id for session in found.sessions] == [fork.session_id, name]
    assert message == said.answer
    with pytest.raises(SessionNotFoundError):
        await sessions.get(name)


async def test_an_answer_goes_on_without_its_reader_and_is_watched_or_ended(
    async_client: AsyncFunland,
) -> None:
    sessions = async_client.sessions
    name = (await sessions.create(temperature=0, ignore_end=True, max_tokens=900)).session_id

    async with sessions.stream(name, "Tell me a story.") as stream:
        await anext(stream)
    async with asyncio.timeout(SECONDS), sessions.watch(name, after=stream.event_number) as events:
        await anext(events)
        ended = await sessions.cancel(name, stream.answer.message_id)
        last = await _end(events, stream.answer.message_id)

    assert ended.state == last.state == SessionMessage.CANCELLED
    assert last.message.content.startswith(stream.text)


async def _end(events: AsyncIterator[SessionEvent], message_id: str) -> SessionMessage:
    async for event in events:
        if event.HasField("message") and event.message.message_id == message_id:
            return event.message
    raise AssertionError("the answer never ended")


def test_two_things_are_said_at_once_and_answered_in_order(client: Funland) -> None:
    name = client.sessions.create(temperature=0, max_tokens=8).session_id

    with client.sessions.converse(name) as conversation:
        words = [conversation.send("Hello"), conversation.send("Good bye")]
        conversation.ping()
        conversation.done()
        events = list(conversation)

    told = [event.reference for event in events if event.HasField("message") and event.reference]
    assert told == words
    assert any(event.HasField("pong") for event in events)
    branch = client.sessions.messages(name)
    assert [message.message.role for message in branch] == [Message.USER, Message.ASSISTANT] * 2
    assert branch[-1].state == SessionMessage.INCOMPLETE
    assert not conversation.writing


async def test_what_breaks_a_rule_is_refused_and_the_conversation_goes_on(
    async_client: AsyncFunland,
) -> None:
    name = (await async_client.sessions.create(max_tokens=4)).session_id

    async with (
        asyncio.timeout(SECONDS),
        async_client.sessions.converse(name) as conversation,
    ):
        wrong = conversation.send("Hello", edit_message_id="msg_nobody")
        right = conversation.send("Hello")
        conversation.done()
        events = [event async for event in conversation]

    refused = next(event for event in events if event.HasField("rejected"))
    assert refused.reference == wrong
    assert refused.rejected.message
    assert any(event.reference == right for event in events if event.HasField("message"))
    assert len(await async_client.sessions.messages(name)) == 2


async def test_a_line_that_is_cut_amid_an_answer_loses_and_doubles_nothing(stack: Stack) -> None:
    async with (
        asyncio.timeout(SECONDS),
        relaying(stack.grpc_address) as relay,
        AsyncFunland(relay.address) as client,
    ):
        arguments = {"temperature": 0, "max_tokens": 400, "ignore_end": True}
        name = (await client.sessions.create(MODEL, **arguments)).session_id  # pyright: ignore[reportArgumentType]  # one dictionary of three types
        async with client.sessions.converse(name) as conversation:
            events = [await anext(conversation)]
            relay.cut_after(CUT_BYTES)
            conversation.send("Tell me a story.")
            conversation.done()
            events += [event async for event in conversation]
        branch = await client.sessions.messages(name)

    assert len(opened(events)) == 2
    assert [message.message.role for message in branch] == [Message.USER, Message.ASSISTANT]
    assert branch[-1].usage.completion_tokens == 400
    assert [event.message for event in events if event.HasField("message")][-1] == branch[-1]


def opened(events: list[SessionEvent]) -> list[SessionEvent]:
    """What each connection begins with."""
    return [event for event in events if event.HasField("session") and not event.number]


def test_a_session_of_a_model_that_is_not_there_is_not_begun(client: Funland) -> None:
    with pytest.raises(ModelNotFoundError):
        client.sessions.create("nope")


async def test_a_deployment_runs_answers_and_ends(async_client: AsyncFunland) -> None:
    deployments = async_client.deployments

    async with asyncio.timeout(SECONDS):
        run = deployments.run(MODEL, name="clients", settings={"context_length": 512})
        states = [state async for state in run]
        answer = await async_client.chat("Hello", "clients", temperature=0, max_tokens=4)
        health = await deployments.health("clients")
        model = await deployments.model("clients")
        with pytest.raises(DeploymentExistsError):
            await deployments.start(MODEL, name="clients")
        logs = await deployments.logs("clients", lines=2)
        followed = deployments.follow_logs("clients", after=logs[0].number)
        assert (await anext(followed)).number == logs[1].number
        await followed.aclose()
        await deployments.stop("clients")
        with pytest.raises(DeploymentNotRunningError):
            await deployments.wait("clients")
        await deployments.restart("clients")
        running = await deployments.wait("clients")
        listed = await deployments.list(states=["running"])
        await deployments.delete("clients")

    assert states[-1].state == Deployment.RUNNING
    assert answer.message.content
    assert (health.state, model.context_length) == (PartHealth.HEALTHY, 512)
    assert [each.deployment_id for each in listed] == [running.deployment_id]
    with pytest.raises(DeploymentNotFoundError):
        await deployments.get("clients")


def test_what_is_deployed_is_watched(client: Funland) -> None:
    with client.deployments.watch() as events:
        assert next(event for event in events if event.HasField("synced"))
