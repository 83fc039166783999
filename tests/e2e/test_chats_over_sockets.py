"""Chats of the whole service over its two WebSockets, and what a broken line does to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest

from tests.conftest import Stack

SECONDS = 120
STORY = "Tell me a story."
SAMPLING = {"temperature": 0, "max_tokens": 60}


@dataclass(frozen=True, slots=True)
class Told:
    """An event, whichever API told it."""

    number: int
    text: str | None = None
    """More of the answer."""
    whole: str | None = None
    """All of it, now that it has ended."""


class Native:
    """The contract's own."""

    name = "native"

    async def begin(self, http: aiohttp.ClientSession) -> str:
        """A session's path."""
        body = {"sampling": SAMPLING}
        async with http.post("/funland/v1/sessions", json=body) as made:
            return f"/funland/v1/sessions/{(await made.json())['session_id']}"

    def url(self, session: str, after: int | None) -> str:
        return f"{session}:converse" + ("" if after is None else f"?open.after={after}")

    def words(self, text: str) -> Any:
        return {"send": {"content": text}}

    def read(self, event: Any) -> Told:
        number = event.get("number", 0)
        message = event.get("message", {})
        if "delta" in event:
            return Told(number, text=event["delta"].get("text", ""))
        ended = message.get("message", {}).get("role") == "ASSISTANT"
        if ended and message["state"] != "IN_PROGRESS":
            return Told(number, whole=message["message"]["content"])
        return Told(number)


class Hellovm:
    """The older API's."""

    name = "hellovm"

    async def begin(self, http: aiohttp.ClientSession) -> str:
        body = {"model_id": "funland-tiny", "config": SAMPLING}
        async with http.post("/api/v1/chat/sessions", json=body) as made:
            data = (await made.json())["data"]
        return data["ws_url"].removesuffix("/stream")

    def url(self, session: str, after: int | None) -> str:
        return f"{session}/stream" + ("" if after is None else f"?after={after}")

    def words(self, text: str) -> Any:
        return {"type": "message", "message": text}

    def read(self, event: Any) -> Told:
        number = event.get("number", 0)
        if event["type"] == "delta":
            return Told(number, text=event["content"])
        if event["type"] == "message" and event["data"]["role"] == "assistant":
            ended = event["status"] != "in_progress"
            return Told(number, whole=event["data"]["content"] if ended else None)
        return Told(number)


both = pytest.mark.parametrize("api", [Native(), Hellovm()], ids=lambda api: api.name)


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.http_url) as session, asyncio.timeout(SECONDS):
        yield session


async def until_whole(api: Any, socket: aiohttp.ClientWebSocketResponse) -> list[Told]:
    """All that is told until an answer has ended."""
    told: list[Told] = []
    while not told or told[-1].whole is None:
        told.append(api.read(await socket.receive_json()))
    return told


@both
async def test_what_is_said_is_answered_piece_by_piece(
    http: aiohttp.ClientSession, api: Any
) -> None:
    session = await api.begin(http)
    async with http.ws_connect(api.url(session, None)) as socket:
        await socket.send_json(api.words(STORY))
        told = await until_whole(api, socket)

    assert "".join(each.text or "" for each in told) == told[-1].whole
    numbers = [each.number for each in told if each.number]
    assert numbers == list(range(1, len(numbers) + 1))


@both
async def test_a_broken_line_loses_nothing_and_the_answer_goes_on(
    http: aiohttp.ClientSession, api: Any
) -> None:
    session = await api.begin(http)
    before: list[Told] = []
    async with http.ws_connect(api.url(session, None)) as socket:
        await socket.send_json(api.words(STORY))
        while not before or before[-1].text is None:
            before.append(api.read(await socket.receive_json()))
        socket._response.connection.transport.abort()  # type: ignore[union-attr]  # aiohttp has no public way

    async with http.ws_connect(api.url(session, before[-1].number)) as socket:
        after = await until_whole(api, socket)

    pieces = [each for each in before + after if each.text is not None]
    if len(pieces) > 1:  # it was still written, or the server had not let go of it
        numbers = [each.number for each in before + after if each.number]
        assert numbers == list(range(1, len(numbers) + 1))
        assert "".join(each.text or "" for each in pieces) == after[-1].whole
    assert (after[-1].whole or "").startswith(before[-1].text or "")
    assert len(after[-1].whole or "") > len(before[-1].text or "")


@both
async def test_two_who_watch_hear_the_same(http: aiohttp.ClientSession, api: Any) -> None:
    session = await api.begin(http)
    async with (
        http.ws_connect(api.url(session, 0)) as watching,
        http.ws_connect(api.url(session, 0)) as speaking,
    ):
        await speaking.send_json(api.words(STORY))
        heard, said = await asyncio.gather(until_whole(api, watching), until_whole(api, speaking))

    assert [each for each in heard if each.number] == [each for each in said if each.number]


async def test_an_answer_is_ended_by_who_asked_for_it(http: aiohttp.ClientSession) -> None:
    session = await Hellovm().begin(http)
    async with http.ws_connect(Hellovm().url(session, None)) as socket:
        await socket.send_json(Hellovm().words(STORY))
        event = await socket.receive_json()
        while event["type"] != "delta":
            event = await socket.receive_json()
        await socket.send_json({"type": "cancel"})
        while event["type"] != "message":
            event = await socket.receive_json()

    assert event["status"] in ("cancelled", "completed", "incomplete")
    assert event["data"]["content"]


async def test_an_answer_is_told_as_events_too(http: aiohttp.ClientSession) -> None:
    session = await Hellovm().begin(http)
    path = session.partition("/api")[1] + session.partition("/api")[2]
    body = {"message": STORY, "stream": True}
    async with http.post(f"{path}/messages", json=body) as response:
        assert response.content_type == "text/event-stream"
        lines = (await response.text()).splitlines()
    told = [
        Hellovm().read(orjson.loads(line.removeprefix("data: ")))
        for line in lines
        if line.startswith("data: ")
    ]

    assert "".join(each.text or "" for each in told) == told[-1].whole
    async with http.post(f"{path}/messages", json={"message": "Hello!"}) as response:
        data = (await response.json())["data"]
    assert (data["role"], data["device_used"]) == ("assistant", "cpu_0")
    assert data["tokens"] > 0
    assert data["inference_time"] > 0


@both
async def test_a_session_that_is_not_there_is_told_before_it_closes(
    http: aiohttp.ClientSession, api: Any
) -> None:
    session = (await api.begin(http)).rpartition("/")[0] + "/ghost"
    async with http.ws_connect(api.url(session, 0)) as socket:
        told = await socket.receive_json()
        closing = await socket.receive()

    assert "SESSION_NOT_FOUND" in str(told)
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1008)


@both
async def test_a_session_that_is_deleted_ends_the_conversation(
    http: aiohttp.ClientSession, api: Any
) -> None:
    session = await api.begin(http)
    async with http.ws_connect(api.url(session, 0)) as socket:
        await socket.receive_json()
        async with http.delete(f"/funland/v1/sessions/{session.rpartition('/')[2]}") as gone:
            assert gone.status == 200
        kinds = [await socket.receive_json(), await socket.receive_json()]
        closing = await socket.receive()

    assert "deleted" in str(kinds[0])
    assert "end" in str(kinds[1])
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1000)
