"""Those who hold chats open over WebSockets: some write, some wait, one stops to read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

_LARGE: Final = "x" * (1 << 20)  # of a session, which each of its `session` events has
_TOLD: Final = 6  # times: more than all buffers on the way hold
_RECEIVE_BUFFER: Final = 4096
_LONGEST_SECONDS: Final = 60
_ANSWER: Final = {"max_tokens": 48, "temperature": 1.0, "ignore_end": True}
_STORY: Final = {"send": {"content": "Tell me a story."}}
_KEY: Final = "AAAAAAAAAAAAAAAAAAAAAA=="


async def new_session(http: aiohttp.ClientSession, **fields: Any) -> str:
    """A session's path."""
    async with http.post("/funland/v1/sessions", json=fields) as made:
        made.raise_for_status()
        return f"/funland/v1/sessions/{(await made.json())['session_id']}"


@asynccontextmanager
async def idle(http: aiohttp.ClientSession, count: int) -> AsyncGenerator[None]:
    """So many watch a session in which nothing happens, for as long as the block."""
    async with AsyncExitStack() as sockets:
        for _ in range(count):
            path = await new_session(http)
            socket = await sockets.enter_async_context(http.ws_connect(f"{path}:converse"))
            await socket.send_json({"open": {}})
            await socket.receive_json()
        yield


class Writers:
    """So many have one answer after another written, for as long as the block, and read all."""

    def __init__(self, http: aiohttp.ClientSession, count: int) -> None:
        self._http = http
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []
        self.characters = 0
        """Of all answers so far."""

    async def __aenter__(self) -> Writers:
        """Begins; all of them write."""
        paths = [await new_session(self._http, sampling=_ANSWER) for _ in range(self._count)]
        begun = [asyncio.Event() for _ in paths]
        self._tasks = [
            asyncio.create_task(self._write(path, event))
            for path, event in zip(paths, begun, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in begun))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leaves; raises what a writer has failed with."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem

    async def rate(self, seconds: float) -> float:
        """Characters a second of all together, from now on for so long."""
        clock = asyncio.get_running_loop().time
        before, begun = self.characters, clock()
        await asyncio.sleep(seconds)
        return (self.characters - before) / (clock() - begun)

    async def _write(self, path: str, begun: asyncio.Event) -> None:
        async with self._http.ws_connect(f"{path}:converse") as socket:
            await socket.send_json(_STORY)
            async for frame in socket:
                event = orjson.loads(frame.data)
                if "error" in event or "rejected" in event:
                    raise RuntimeError(f"A writer was told {event}.")
                if "delta" in event:
                    self.characters += len(event["delta"].get("text", ""))
                    begun.set()
                elif _has_ended(event):
                    again = {"send": {"regenerate_message_id": event["message_id"]}}
                    await socket.send_json(again)
            raise RuntimeError("A writer was cut off.")


@asynccontextmanager
async def unread(http: aiohttp.ClientSession, url: str, log: Path) -> AsyncGenerator[None]:
    """Opens a session that tells megabytes, and reads none of them. At the end of the block the
    server's log must say that it was cut off."""
    path = await new_session(http, system_message=_LARGE)
    address = urlsplit(url)
    known = _cut_off(log)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        line.connect((address.hostname, address.port))
        line.sendall(_handshake(f"{path}:converse?open.after=0", address.netloc))
        for number in range(_TOLD):
            async with http.patch(path, json={"title": str(number)}) as changed:
                changed.raise_for_status()
        yield
        async with asyncio.timeout(_LONGEST_SECONDS):
            while _cut_off(log) == known:  # noqa: ASYNC110 - what it waits for is another process's
                await asyncio.sleep(0.05)


def _cut_off(log: Path) -> int:
    """How many were so far."""
    return log.read_bytes().count(b"reader_gone")


def _handshake(path: str, host: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n\r\n"
    ).encode()


def _has_ended(event: Any) -> bool:
    message = event.get("message", {})
    role = message.get("message", {}).get("role")
    return role == "ASSISTANT" and message["state"] != "IN_PROGRESS"
