"""Turns constraints into grammars that are safe to compile, in a process that may be lost."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import asdict
from typing import Any

import orjson

from funland_worker.constraints.constraint import Constraint
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.grammar import SPECIAL
from funland_worker.constraints.tokens import TokenTable

_SECONDS = 10.0
"""What the process may take on a busy machine. Its own limit is of processor time."""

_LINE_BYTES = 64 * 1024**2


class GrammarChecker:
    """The process starts with the first use and again after it was lost."""

    def __init__(self, table: TokenTable) -> None:
        marks = {
            str(token): name.removeprefix(SPECIAL).decode(errors="replace")
            for token, name in enumerate(table.tokens)
            if name.startswith(SPECIAL)
        }
        self._setup = {"size": len(table.tokens), "marks": marks, "ends": table.ends}
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def grammar(self, constraint: Constraint) -> str:
        """The constraint as llguidance's grammar.

        Raises:
            GrammarError: It can't be compiled, or not within the process's limits.
        """
        async with self._turn:
            process = await self._running()
            answer = await self._ask(process, asdict(constraint))
        if problem := answer.get("problem"):
            raise GrammarError(problem, limit=answer["limit"])
        return answer["grammar"]

    async def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # nothing is imported from the folder that the user happens to be in
                "-m",
                "funland_worker.constraints.process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_BYTES,
            )
            _stdin(self._process).write(orjson.dumps(self._setup) + b"\n")
        return self._process

    async def _ask(
        self, process: asyncio.subprocess.Process, request: dict[str, Any]
    ) -> dict[str, Any]:
        """One line there and one back."""
        assert process.stdout is not None  # noqa: S101 - it is a PIPE
        try:
            async with asyncio.timeout(_SECONDS):
                _stdin(process).write(orjson.dumps(request) + b"\n")
                await _stdin(process).drain()
                line = await process.stdout.readline()
        except (TimeoutError, ConnectionError):
            line = b""
        except asyncio.CancelledError:
            # The answer may still come, and would be taken for the next one's.
            await self.close()
            raise
        if not line:
            await self.close()
            raise GrammarError("it takes too long, or too much memory", limit=True)
        return orjson.loads(line)


def _stdin(process: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    assert process.stdin is not None  # noqa: S101 - it is a PIPE
    return process.stdin
