"""Requests to vLLM, over its socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
import orjson

from funland_server.workers.errors import WorkerLostError

_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"
_OK: Final = 200
_BROKEN: Final = (aiohttp.ClientError, OSError, RuntimeError)
"""What aiohttp raises where a connection, or its session, is closed meanwhile."""


class RefusedError(Exception):
    """vLLM answered with an error."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error
        """What it says of it: `message`, `type`, `param`, as far as it does."""


class Http:
    """A process' API. What breaks off raises WorkerLostError."""

    def __init__(self, socket: Path, key: str, model_id: str) -> None:
        self._model_id = model_id
        self._session = aiohttp.ClientSession(
            "http://vllm",
            connector=aiohttp.UnixConnector(str(socket), limit=0),
            headers={"authorization": f"Bearer {key}"},
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def get(self, path: str) -> Any:
        """What is at a path; None for an empty answer.

        Raises:
            RefusedError, WorkerLostError
        """
        return await self._whole("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a request; raises as `get`."""
        return await self._whole("POST", path, body)

    @asynccontextmanager
    async def stream(
        self, path: str, body: Mapping[str, Any]
    ) -> AsyncGenerator[AsyncIterator[Mapping[str, Any]]]:
        """The parts of an answer as they come. Leaving the block before the last lets vLLM know at
        once that nobody wants the others.

        Raises:
            RefusedError, WorkerLostError: Also when a part is taken.
        """
        async with self._request("POST", path, body) as response:
            yield self._parts(response)

    async def close(self) -> None:
        """Lets go of it; what is under way ends with WorkerLostError."""
        await self._session.close()

    async def _whole(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        async with self._request(method, path, body) as response:
            try:
                content = await response.read()
            except _BROKEN as error:
                raise WorkerLostError(self._model_id) from error
            return orjson.loads(content) if content else None

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        data = None if body is None else orjson.dumps(body)
        headers = {"content-type": "application/json"} if data else {}
        try:
            response = await self._session.request(method, path, data=data, headers=headers)
        except _BROKEN as error:
            raise WorkerLostError(self._model_id) from error
        try:
            if response.status != _OK:
                raise RefusedError(response.status, await self._error(response))
            yield response
        finally:
            response.close()  # a whole answer has given its connection back before

    async def _error(self, response: aiohttp.ClientResponse) -> Mapping[str, Any]:
        try:
            content = await response.read()
            told = orjson.loads(content).get("error")
        except _BROKEN as error:
            raise WorkerLostError(self._model_id) from error
        except (orjson.JSONDecodeError, AttributeError):
            return {}
        return cast("dict[str, Any]", told) if isinstance(told, dict) else {"message": told}

    async def _parts(self, response: aiohttp.ClientResponse) -> AsyncIterator[Mapping[str, Any]]:
        pending = bytearray()
        try:
            async for piece in response.content.iter_any():
                pending += piece
                *lines, rest = pending.split(b"\n")
                pending = bytearray(rest)
                for line in lines:
                    if not line.startswith(_DATA):
                        continue
                    data = bytes(line[len(_DATA) :]).strip()
                    if data == _DONE:
                        return
                    part = orjson.loads(data)
                    if error := part.get("error"):
                        raise RefusedError(int(error.get("code") or 500), error)
                    yield part
        except _BROKEN as error:
            raise WorkerLostError(self._model_id) from error
        raise WorkerLostError(self._model_id)  # it broke off
