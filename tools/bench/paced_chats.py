"""A server of the page that says so much a second, no more and no less, in long conversations:
what a model says comes too unevenly to hold a page against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from aiohttp import web

from funland_gateway.page import add_page

_MODEL: Final = "paced"
_TEXT: Final = (
    "The **quick** brown fox jumps over the lazy dog, and `prints` what it saw. "
    "It was a long day.\n\n"
)
_WORDS: Final = [word + " " for word in (_TEXT * 3).split(" ")]
_NOW: Final = "2026-01-01T00:00:00Z"


@asynccontextmanager
async def paced_chats(messages: int, tokens_a_second: float) -> AsyncGenerator[str]:
    """Serves chats of any id, each with so many messages, the last an answer that is written for
    ever. Yields the URL."""
    app = web.Application()
    add_page(app)
    chats = _Chats(messages, 1 / tokens_a_second)
    root = "/funland/v1"
    app.router.add_get(root + "/health", chats.health)
    app.router.add_get(root + "/models:watch", chats.models)
    app.router.add_get(root + "/sessions", chats.sessions)
    app.router.add_get(root + r"/sessions/{session:\w+}", chats.session)
    app.router.add_get(root + r"/sessions/{session:\w+}/messages", chats.messages)
    app.router.add_get(root + r"/sessions/{session:\w+}:converse", chats.converse)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _Chats:
    """What the page asks of a server while chats are open."""

    def __init__(self, count: int, pace: float) -> None:
        self._count = count
        self._pace = pace

    async def converse(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()  # how to begin
        answer = _message(request.match_info["session"], self._count)
        answer |= {"state": "IN_PROGRESS", "model": _MODEL}
        answer["message"] = {"role": "ASSISTANT", "content": ""}
        answer_id = answer["message_id"]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        number = 1
        try:
            await _send(socket, {"number": number, "message_id": answer_id, "message": answer})
            while not socket.closed:
                number += 1
                delta = {"text": _WORDS[number % len(_WORDS)]}
                await _send(socket, {"number": number, "message_id": answer_id, "delta": delta})
                await asyncio.sleep(max(0.0, begun + number * self._pace - loop.time()))
        except ConnectionError:
            pass  # the page was closed
        return socket

    async def messages(self, request: web.Request) -> web.Response:
        session = request.match_info["session"]
        first = int(request.query.get("page_token") or 1)
        last = min(self._count, first + int(request.query["page_size"]) - 1)
        page = [_message(session, number) for number in range(first, last + 1)]
        token = str(last + 1) if last < self._count else ""
        return _json({"messages": page, "next_page_token": token, "total_size": self._count})

    async def session(self, request: web.Request) -> web.Response:
        return _json(_session(request.match_info["session"], self._count))

    async def sessions(self, _: web.Request) -> web.Response:
        return _json({"sessions": [], "next_page_token": "", "total_size": 0})

    async def health(self, _: web.Request) -> web.Response:
        return _json({"state": "SERVING", "identity_required": False})

    async def models(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        model = {"model_id": _MODEL, "can_chat": True, "state": "LOADED", "kind": "TEXT"}
        events: list[dict[str, Any]] = [{"model": model}, {"synced": {}}]
        for event in events:
            await response.write(b"data: " + orjson.dumps(event) + b"\n\n")
        while True:
            await asyncio.sleep(10)
            await response.write(b": waiting\n\n")


def _session(session: str, messages: int) -> dict[str, Any]:
    return {
        "session_id": session, "title": session, "model": _MODEL, "state": "ANSWERING",
        "head_message_id": f"{session}_{messages}", "message_count": messages, "last_event": 1,
    }  # fmt: skip


def _message(session: str, number: int) -> dict[str, Any]:
    """What is said, by turns; the last is always an answer that is written."""
    answers = number % 2 == 0
    said = {"role": "ASSISTANT" if answers else "USER", "content": _TEXT * 2}
    return {
        "message_id": f"{session}_{number}",
        "session_id": session,
        "parent_message_id": f"{session}_{number - 1}" if number > 1 else "",
        "message": said,
        "state": "COMPLETED",
        "create_time": _NOW,
    }


async def _send(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
    await socket.send_str(orjson.dumps(event).decode())


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
