"""Carries MCP's messages between a program's standard input and output and a service's endpoint."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any, BinaryIO, Final, cast

import aiohttp

from funland_cli.mcp_headers import Handshake, own_version
from funland_gateway.mcp.eras import SESSION_HEADER
from funland_gateway.mcp.messages import (
    INVALID_REQUEST,
    PARSE_ERROR,
    SERVER_ERROR,
    error_message,
    id_of,
)

_AHEAD: Final = 64
"""Lines that are read before the first of them was sent on."""

_Message = dict[str, Any]


class Bridge:
    """One host's conversation with one service."""

    def __init__(self, http: aiohttp.ClientSession, url: str, output: BinaryIO) -> None:
        self._http = http
        self._url = url
        self._output = output
        self._writing = asyncio.Lock()
        self._handshake = Handshake()
        self._calls: dict[object, asyncio.Task[None]] = {}
        self._all: set[asyncio.Task[None]] = set()

    async def carry(self, lines: AsyncIterator[bytes]) -> None:
        """Carries until there are no more lines; what is under way then is given up."""
        try:
            async for line in lines:
                if line.strip():
                    await self._take(line)
        finally:
            for task in self._all:
                task.cancel()
            await asyncio.gather(*self._all, return_exceptions=True)

    async def _take(self, line: bytes) -> None:
        try:
            message: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            await self._tell(error_message(None, PARSE_ERROR, f"That is no JSON: {error}."))
            return
        if not isinstance(message, dict):
            await self._tell(error_message(None, INVALID_REQUEST, "That is no message."))
            return
        told = cast("_Message", message)
        if told.get("method") == "initialize":
            await self._send(told)  # later messages need what it agrees on
        elif not self._cancelled(told):
            self._begin(told)

    def _cancelled(self, message: _Message) -> bool:
        """Ends a call of the newer era that is taken back: there, a closed connection says so."""
        if message.get("method") != "notifications/cancelled":
            return False
        params: object = message.get("params")
        named = cast("_Message", params).get("requestId") if isinstance(params, dict) else None
        if not isinstance(named, str | int) or named not in self._calls:
            return False
        self._calls.pop(named).cancel()
        return True

    def _begin(self, message: _Message) -> None:
        task = asyncio.create_task(self._send(message))
        self._all.add(task)
        task.add_done_callback(self._all.discard)
        request_id = id_of(message)
        if request_id is not None and own_version(message) is not None:
            self._calls[request_id] = task
            task.add_done_callback(lambda done: self._forget(request_id, done))

    def _forget(self, request_id: object, task: asyncio.Task[None]) -> None:
        if self._calls.get(request_id) is task:
            del self._calls[request_id]

    async def _send(self, message: _Message) -> None:
        """Sends a message on, and tells what is answered. Whatever fails is an answer."""
        request_id = id_of(message) if "method" in message else None
        answered = False
        try:
            async for answer, session in self._answers(message):
                self._handshake.note(message, answer, session)
                if answer.get("id", 0) is None:
                    answer["id"] = request_id
                answered = answered or ("method" not in answer)
                await self._tell(answer)
            problem = "The service ended its answer half-way."
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = f"{self._url} does not answer: {error}. `funland serve` starts a service."
        if request_id is not None and not answered:
            await self._tell(error_message(request_id, SERVER_ERROR, problem))

    async def _answers(self, message: _Message) -> AsyncIterator[tuple[_Message, str]]:
        """The messages that come for one, each with the answer's session."""
        headers = self._handshake.headers(message)
        async with self._http.post(self._url, json=message, headers=headers) as answer:
            session = answer.headers.get(SESSION_HEADER, "")
            if answer.content_type == "text/event-stream":
                async for data in _events(answer.content):
                    yield _object(data), session
            elif told := await answer.read():
                if answer.content_type != "application/json":
                    raise ValueError(f"it answers {answer.status} {answer.reason}")
                yield _object(told), session

    async def _tell(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        async with self._writing:
            await asyncio.to_thread(self._write, line)

    def _write(self, line: bytes) -> None:
        self._output.write(line)
        self._output.flush()


async def lines_of(file: BinaryIO) -> AsyncIterator[bytes]:
    """The lines of a file or a pipe, as they come. It is read in a thread that ends with the
    process, since nothing can end a read."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)

    def read() -> None:
        while True:
            line = file.readline()
            asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()
            if not line:
                return

    threading.Thread(target=read, name="mcp-input", daemon=True).start()
    while line := await queue.get():
        yield line


async def carry(http: aiohttp.ClientSession, url: str) -> None:
    """Carries between this process's own standard input and output and a service."""
    await Bridge(http, url, sys.stdout.buffer).carry(lines_of(sys.stdin.buffer))


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The data of server-sent events of one line each."""
    rest = b""
    async for part in content.iter_any():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:")


def _object(data: bytes) -> _Message:
    told: object = json.loads(data)
    if not isinstance(told, dict):
        raise ValueError("it answers no message")
    return cast("_Message", told)
