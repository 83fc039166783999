"""What runs on a node of a cluster: it starts one worker as its plain child, and tells how it ends.

Ray runs it as an actor. It is imported on every node, so it imports little, and not Ray.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import deque
from importlib.metadata import version
from typing import Any, Final

from funland_server.workers.machine import machine_memory

_WORDS: Final = 20
_START_SECONDS: Final = 60.0
_KEPT_SECONDS: Final = 10.0
_NOT_TOLD: Final = ("RAY_", "FUNLAND_")
_ALLOCATION: Final = {"MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""As workers on the server's machine have it."""


def measure() -> dict[str, Any]:
    """How a node is: what of its memory is free, and which Funland it has."""
    memory = machine_memory()
    return {
        "version": version("funland"),
        "name": socket.gethostname(),
        "memory_total_bytes": memory.total,
        "memory_available_bytes": memory.available,
    }


class Host:
    """One worker's parent. The worker's standard input is a pipe of this process, so that it ends
    with it; it has no session of its own, so that Ray ends both."""

    def __init__(self, *, leaves: bool = False) -> None:
        """If it `leaves`, this process ends some seconds after the worker."""
        self._leaves = leaves
        self._leaving: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._words: deque[str] = deque(maxlen=_WORDS)
        self._relaying: asyncio.Task[None] | None = None

    async def start(self, listen: str) -> str:
        """Starts the worker with a line for its standard input, and gives the one that it says.

        Raises:
            RuntimeError: It said none; the message has its last words.
        """
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "funland_worker.remote.main",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(os.environ),
        )
        self._relaying = asyncio.create_task(self._relay(process))
        if self._leaves:
            self._leaving = asyncio.create_task(self._leave())
        assert process.stdin is not None  # noqa: S101 - it is a PIPE
        assert process.stdout is not None  # noqa: S101 - it is a PIPE
        with contextlib.suppress(ConnectionError):  # it ended already; its last words say so
            process.stdin.write(listen.encode() + b"\n")
            await process.stdin.drain()
        try:
            async with asyncio.timeout(_START_SECONDS):
                told = await process.stdout.readline()
        except TimeoutError:
            told = b""
            self._kill()
        if not told:
            raise RuntimeError(await self.ended())
        return told.decode().strip()

    async def ended(self) -> str:
        """Waits for the worker's end, and says how it came and what the worker said last."""
        assert self._process is not None  # noqa: S101 - it was started
        code = await self._process.wait()
        if self._relaying is not None:
            await self._relaying
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return "\n".join([how, *self._words])

    async def kill(self) -> None:
        """Ends the worker at once, and returns when it has ended."""
        self._kill()
        if self._process is not None:
            await self._process.wait()

    async def _leave(self) -> None:
        await self.ended()
        await asyncio.sleep(_KEPT_SECONDS)  # somebody may ask how it ended
        os._exit(0)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            # Not by `Process.kill`, which takes the exit code of one that has just ended.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _relay(self, process: asyncio.subprocess.Process) -> None:
        """Keeps the worker's last words; the node's own log gets all."""
        assert process.stderr is not None  # noqa: S101 - it is a PIPE
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # a line over the buffer's limit, which readline drops
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self._words.append(text[:1000])
            sys.stderr.write(text + "\n")


def _environment(present: Any) -> dict[str, str]:
    """What a worker is told: nothing of Ray, which sets one thread for who asks for no processor,
    and no setting, which may be secret."""
    kept = {
        name: value
        for name, value in present.items()
        if not name.startswith(_NOT_TOLD) or name == "FUNLAND_HOME"
    }
    kept.pop("OMP_NUM_THREADS", None)
    return {**_ALLOCATION, **kept}
