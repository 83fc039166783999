"""Calls of responses, as the tests beside it make them."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing, closing
from typing import Any

from funland.v1.inference_pb2 import ChatRequest, GenerationOptions, Message, SamplingParameters
from funland.v1.responses_pb2 import (
    CreateResponseRequest,
    GetResponseRequest,
    Response,
    ResponseEvent,
    WatchResponseRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, streamed

GREEDY = SamplingParameters(temperature=0, max_tokens=8)
LONG = SamplingParameters(temperature=0, max_tokens=200, ignore_end=True)
ENDLESS = SamplingParameters(temperature=0, max_tokens=1000, ignore_end=True)
"""As long as can be: only for what is ended before."""


def user(text: str) -> Message:
    return Message(role=Message.USER, content=text)


def request(
    text: str = "Hello!",
    sampling: SamplingParameters = GREEDY,
    top_logprobs: int | None = None,
    **fields: Any,
) -> CreateResponseRequest:
    chat = ChatRequest(
        messages=[user(text)],
        sampling=sampling,
        options=GenerationOptions(top_logprobs=top_logprobs) if top_logprobs else None,
    )
    return CreateResponseRequest(chat=chat, **fields)


async def create(server: Server, text: str = "Hello!", **fields: Any) -> Response:
    return await call(server, "CreateResponse", request(text, **fields))


async def get(server: Server, response_id: str) -> Response:
    return await call(server, "GetResponse", GetResponseRequest(response_id=response_id))


async def chat(server: Server, *messages: Message) -> str:
    """What the model answers to a whole conversation."""
    answer = await call(server, "Chat", ChatRequest(messages=messages, sampling=GREEDY))
    return answer.message.content


async def stream(server: Server, request: CreateResponseRequest) -> list[ResponseEvent]:
    return [event async for event in streamed(server, "StreamResponse", request)]


async def watch(server: Server, response_id: str, after: int = 0) -> list[ResponseEvent]:
    """All events of a response, when it has ended."""
    wanted = WatchResponseRequest(response_id=response_id, after=after)
    return [event async for event in streamed(server, "WatchResponse", wanted)]


async def ended(server: Server, response_id: str) -> Response:
    """A response, when it has ended."""
    return (await watch(server, response_id))[-1].completed


async def writes(server: Server, response_id: str) -> None:
    """Waits until the model writes a response."""
    wanted = WatchResponseRequest(response_id=response_id)
    async with aclosing(streamed(server, "WatchResponse", wanted)) as events:
        async for event in events:
            if event.HasField("delta"):
                return
    raise AssertionError("It wrote nothing.")


def kept(settings: ServerSettings) -> list[Response.State.ValueType]:
    """The states of the responses on the disk, as another program sees them."""
    with closing(sqlite3.connect(settings.home / "funland.sqlite3")) as database:
        found = database.execute("SELECT state FROM responses ORDER BY create_time").fetchall()
        return [row[0] for row in found]
