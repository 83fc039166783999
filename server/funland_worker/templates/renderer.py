"""Turns conversations into prompts with a model's chat template, in processes that may be lost."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

SECONDS = 2.0
_GRACE = 1.0
_PATIENCE = 0.2
"""Seconds after which a conversation no longer waits for the one before it, but for a second
process: an ordinary template takes a millisecond, one that takes this long may take its limit."""
_LINE_BYTES = 256 * 1024**2


class TemplateRenderer:
    """Renders one template. A process starts with its first use and again after it was lost."""

    def __init__(self, template: str, *, begin_mark: str, end_mark: str) -> None:
        self.template = template
        setup = {
            "template": template,
            "marks": {"bos_token": begin_mark, "eos_token": end_mark},
            "seconds": SECONDS,
        }
        self._first = _Process(setup)
        self._second = _Process(setup)

    async def check(self) -> None:
        """Compiles the template; raises as `render` does."""
        async with self._first.turn:
            await self._first.start()

    async def render(self, variables: Mapping[str, Any]) -> str:
        """The prompt for a conversation; `variables` are JSON.

        Raises:
            EngineError: TEMPLATE_FAILED with the template's own words, or TEMPLATE_LIMIT.
        """
        async with self._process() as process:
            answer = await process.ask(variables)
        return answer["prompt"]

    async def close(self) -> None:
        """Ends the processes."""
        await self._first.close()
        await self._second.close()

    @asynccontextmanager
    async def _process(self) -> AsyncGenerator[_Process]:
        process = self._first
        try:
            async with asyncio.timeout(_PATIENCE):
                await process.turn.acquire()
        except TimeoutError:
            process = self._second
            await process.turn.acquire()
        try:
            yield process
        finally:
            process.turn.release()


class _Process:
    """A process that renders one conversation at a time: who uses it holds its `turn`."""

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self._setup = setup
        self._process: asyncio.subprocess.Process | None = None
        self.turn = asyncio.Lock()

    async def start(self) -> asyncio.subprocess.Process:
        """The process, started if it does not run."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # nothing is imported from the folder that the user happens to be in
                "-m",
                "funland_worker.templates.process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_BYTES,
            )
            try:
                await self._exchange(self._process, self._setup, extra_seconds=10.0)
            except EngineError:
                await self.close()
                raise
        return self._process

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One line there and one back."""
        return await self._exchange(await self.start(), request)

    async def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def _exchange(
        self,
        process: asyncio.subprocess.Process,
        request: Mapping[str, Any],
        extra_seconds: float = 0.0,
    ) -> dict[str, Any]:
        """`extra_seconds` are for the start of the interpreter."""
        assert process.stdin is not None  # noqa: S101 - it is a PIPE
        assert process.stdout is not None  # noqa: S101 - it is a PIPE
        try:
            async with asyncio.timeout(SECONDS + _GRACE + extra_seconds):
                process.stdin.write(orjson.dumps(request) + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
        except (TimeoutError, ConnectionError):
            line = b""
        except asyncio.CancelledError:
            # The answer may still come, and would be taken for the next one's.
            await self.close()
            raise
        if not line:
            await self.close()
            raise _over("time")
        answer: dict[str, Any] = orjson.loads(line)
        if limit := answer.get("limit"):
            raise _over(limit)
        if error := answer.get("error"):
            raise EngineError(
                ErrorReason.TEMPLATE_FAILED,
                f"The model's chat template does not take these messages: {error}",
            )
        return answer


def _over(limit: str) -> EngineError:
    return EngineError(
        ErrorReason.TEMPLATE_LIMIT,
        f"The model's chat template went over its limit of {limit}; use `Generate` with a prompt of"
        " your own, or another model.",
        limit=limit,
    )
