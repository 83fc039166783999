"""Starts vLLM, waits until it answers, and ends it with all that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import psutil

from funland_server.vllm.http import Http, RefusedError
from funland_server.vllm.log_lines import Level, last_words, read_line
from funland_server.workers.errors import ModelLoadFailedError, WorkerLostError

LogSink = Callable[[Level, str], None]

END_SECONDS: Final = 10.0
"""How long it may take to end when it is asked to."""
_MORE_SECONDS: Final = 5.0
"""How long the guard may take beyond that."""
_PAUSE_SECONDS: Final = 0.2
"""Between two questions whether it answers."""
_WORDS: Final = 200
"""How many of its last lines are looked through for why it ended."""
_WORDS_SECONDS: Final = 2.0
"""How long its last lines may take to come."""
_MEASURED_SECONDS: Final = 1.0
"""How long a measurement holds: for a new one the whole system's processes are looked through."""
_READ_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started."""

    model_id: str
    command: Callable[[Path], Sequence[str]]
    """Given the socket on which to listen."""
    variables: Callable[[str], Mapping[str, str]]
    """Its environment, given the key that requests bring."""
    names: Mapping[str, str]
    """What its log calls paths of this machine."""


class VllmProcess:
    """One vLLM, behind its guard. Started at most once."""

    def __init__(self, launch: Launch, log: LogSink) -> None:
        """`log` is given the lines that it writes."""
        self._launch = launch
        self._log = log
        self._words: deque[str] = deque(maxlen=_WORDS)
        self._folder: Path | None = None
        self._guard: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._http: Http | None = None
        self._measured = -_MEASURED_SECONDS
        self._memory: int | None = None
        self.pid: int | None = None
        """Of vLLM itself; None before its start and after its end."""

    @property
    def http(self) -> Http:
        """Its API. Raises RuntimeError before `start`."""
        if self._http is None:
            raise RuntimeError("vLLM is not started.")
        return self._http

    async def start(self, timeout_seconds: float) -> None:
        """Starts it and returns when it answers.

        Raises:
            ModelLoadFailedError: It ended, then its `crashed` is true, or took too long.
        """
        try:
            await self._spawn()
            async with asyncio.timeout(timeout_seconds):
                await self._answering()
        except TimeoutError:
            await self.end()
            raise ModelLoadFailedError(
                f"Model {self._launch.model_id!r} was not ready after {timeout_seconds:g} s"
                " (`vllm_start_seconds`).",
                model=self._launch.model_id,
            ) from None
        except BaseException:
            await self.end(force=True)
            raise

    async def ended(self) -> int:
        """Waits for its end and gives its exit code, 128 and the number for a signal."""
        assert self._guard is not None  # noqa: S101 - who asks has started it
        code = await self._guard.wait()
        if code < 0:  # it was killed itself; else it has left nothing
            self._kill_group()
        self.pid = None
        if self._reading is not None:  # not longer, if something of it still has the pipe
            await asyncio.wait([self._reading], timeout=_WORDS_SECONDS)
        return code if code >= 0 else 128 - code

    def why(self, code: int) -> str:
        """Why it ended, in a sentence, after `ended` gave its exit code."""
        how = f"exit code {code}"
        if code > 128:  # noqa: PLR2004 - as shells count signals
            with contextlib.suppress(ValueError):
                how = signal.Signals(code - 128).name
        words = last_words([*self._words], signalled=code > 128)  # noqa: PLR2004 - as above
        return f"vLLM ended with {how}" + (f": {words}" if words else "") + "."

    def memory_bytes(self) -> int | None:
        """The resident memory of it and of all that it has started, as it was at most a second ago;
        None if it can't be read."""
        now = monotonic()
        if self.pid is None or now - self._measured < _MEASURED_SECONDS:
            return None if self.pid is None else self._memory
        self._measured, self._memory = now, self._measure(self.pid)
        return self._memory

    def kill(self) -> None:
        """Ends it at once; `ended` tells when it has."""
        self._kill_group()

    async def end(self, *, force: bool = False) -> None:
        """Ends it: kindly, unless `force`, then at once. Twice is no error."""
        guard = self._guard
        try:
            if self._http is not None:
                await self._http.close()
            if guard is not None and guard.returncode is None:
                if force:
                    self._kill_group()
                if guard.stdin is not None:
                    guard.stdin.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(END_SECONDS + _MORE_SECONDS):
                        await guard.wait()
        finally:  # also when we are cancelled
            if guard is not None and guard.returncode is None:
                self._kill_group()
                guard.kill()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
        if guard is not None:
            await self.ended()
        if self._reading is not None:
            self._reading.cancel()

    def _measure(self, pid: int) -> int | None:
        try:
            first = psutil.Process(pid)
            total = first.memory_info().rss
            children = first.children(recursive=True)
        except psutil.Error:
            return None
        for child in children:
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                total += child.memory_info().rss
        return total

    async def _spawn(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="funland-"))  # mode 0700
        socket, key = self._folder / "socket", secrets.token_urlsafe(32)
        self._guard = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "funland_server.vllm.guard", f"{END_SECONDS:g}"),
            *self._launch.command(socket),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self._launch.variables(key)),
            cwd=self._folder,
            start_new_session=True,  # a terminal's Ctrl-C is the server's to answer
        )
        assert self._guard.stdout is not None  # noqa: S101 - it is a PIPE
        self._reading = asyncio.create_task(self._read(self._guard.stderr, socket))
        line = await self._guard.stdout.readline()
        self.pid = int(line) if line.strip() else None
        self._http = Http(socket, key, self._launch.model_id)

    async def _answering(self) -> None:
        """Waits until it answers, or ends."""
        ended = asyncio.create_task(self.ended())
        try:
            while not ended.done():
                with contextlib.suppress(WorkerLostError, RefusedError):
                    await self.http.get("/health")
                    return
                await asyncio.wait([ended], timeout=_PAUSE_SECONDS)
        finally:
            ended.cancel()
        failed = ModelLoadFailedError(
            f"Model {self._launch.model_id!r} can't be run: {self.why(ended.result())}"
            " The deployment's log has more.",
            model=self._launch.model_id,
        )
        failed.crashed = True
        raise failed

    async def _read(self, stream: asyncio.StreamReader | None, socket: Path) -> None:
        assert stream is not None  # noqa: S101 - it is a PIPE
        names = {**self._launch.names, str(socket.parent): "<run>"}
        pending = b""
        while piece := await stream.read(_READ_BYTES):
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                self._say(line, names)
            if len(pending) > _READ_BYTES:  # no line is so long
                self._say(pending, names)
                pending = b""
        if pending:
            self._say(pending, names)

    def _say(self, line: bytes, names: Mapping[str, str]) -> None:
        level, text = read_line(line, names)
        if text:
            self._words.append(text)
            self._log(level, text)

    def _kill_group(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
