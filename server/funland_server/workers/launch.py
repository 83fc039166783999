"""Starts the process of a worker and waits until its model is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
import structlog
from google.protobuf import json_format

from funland.worker.v1.worker_pb2 import Handshake, Ready
from funland_server.workers.environment import inherited
from funland_server.workers.errors import ModelLoadFailedError
from funland_server.workers.failures import from_wire
from funland_server.workers.link import Link
from funland_server.workers.process import LARGEST_MESSAGE, Told, WorkerProcess, untold
from funland_server.workers.spec import WorkerSpec, to_wire

logger = structlog.get_logger(__name__)

_ENDING_SECONDS = 2.0
_READ_BYTES = 65536
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

ENVIRONMENT = {
    # Else every thread that allocates reserves 64 MiB of address space, which the limit of a
    # worker's memory counts. Inference allocates next to nothing, so nobody waits for the two.
    "MALLOC_ARENA_MAX": "2",
    # Large memory in large pages, where the system leaves that to programs: weights that are read
    # from end to end for every token take up to a sixth less time (ADR 0036).
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""For the worker; what the user has set goes before, but for settings, which may be secret."""


class LocalProcess:
    """A process on the server's machine; see `WorkerProcess`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        spec: WorkerSpec,
        folder: Path,
        link: Link,
        log: Coroutine[Any, Any, None],
    ) -> None:
        """`log` reads what the process has to say until its end."""
        self._process = process
        self._folder = folder
        self._log = asyncio.create_task(log)
        self.spec = spec
        self.link = link
        self.socket = folder / "socket"
        self.token = secrets.token_urlsafe(32)
        self.ready = Ready()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def memory_bytes(self) -> int | None:
        """The resident memory of the process; None if it can't be read."""
        try:
            return psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that the process had of the memory so far; None if it can't be read."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) * 1024 if found else None

    def open_channel(self) -> grpc.aio.Channel:
        """See `WorkerProcess`."""
        return grpc.aio.insecure_channel(
            f"unix:{self.socket}",
            options=[
                ("grpc.max_receive_message_length", LARGEST_MESSAGE),
                ("grpc.max_send_message_length", LARGEST_MESSAGE),
                # Every worker gets a connection of its own, however it is called.
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )

    async def ended(self) -> int:
        """Waits for its end and gives its exit code, negative for a signal's number."""
        return await self._process.wait()

    def kill(self) -> None:
        """Ends it at once; `ended` tells when it has."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Ends it: kindly, then at once. Ending it twice is no error."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDING_SECONDS):
                    await self._process.wait()
        finally:  # also when we are cancelled
            self.kill()
            self.link.close()
            shutil.rmtree(self._folder, ignore_errors=True)
        await self._process.wait()


class LocalLauncher:
    """Starts all workers on the server's machine; see `Launcher`."""

    async def choose(self, spec: WorkerSpec) -> WorkerSpec:
        """The spec as it is."""
        return spec

    async def check(self, node_id: str) -> None:
        """Nothing, as `choose` does not look at nodes."""

    async def launch(
        self, spec: WorkerSpec, timeout_seconds: float, told: Told = untold
    ) -> WorkerProcess:
        """See `launch`."""
        return await launch(spec, timeout_seconds, told)


async def launch(spec: WorkerSpec, timeout_seconds: float, told: Told = untold) -> LocalProcess:
    """Starts a worker and gives it when its model is loaded; `told` gets what it tells meanwhile.

    Raises:
        ModelLoadFailedError: It ended without a word; then its `crashed` is true.
        FunlandError: It said why it can't, or took longer than the timeout.
    """
    folder = Path(tempfile.mkdtemp(prefix="funland-"))  # mode 0700
    try:
        process, link, descriptor = await _start()
    except BaseException:
        shutil.rmtree(folder)
        raise
    log = _relay_log(process, spec)
    worker = LocalProcess(process, spec, folder, link, log)
    try:
        async with asyncio.timeout(timeout_seconds):
            worker.ready = await _handshake(process, worker, descriptor, told)
    except TimeoutError:
        await worker.end()
        raise ModelLoadFailedError(
            f"Model {spec.model_id!r} was not loaded after {timeout_seconds:g} s"
            " (`load_timeout_seconds`).",
            model=spec.model_id,
        ) from None
    except asyncio.CancelledError:
        worker.kill()  # nobody waits for it any more
        await worker.end()
        raise
    except BaseException:
        await worker.end()
        raise
    return worker


async def _start() -> tuple[asyncio.subprocess.Process, Link, int]:
    """The process, its link, and the number that its end of the link has there."""
    link, workers_end = await Link.pair()
    descriptor = workers_end.fileno()
    try:
        with workers_end:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # nothing is imported from the folder that the user happens to be in
                "-m",
                "funland_worker.main",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[descriptor],
                env={**ENVIRONMENT, **inherited()},
            )
    except BaseException:
        link.close()
        raise
    return process, link, descriptor


async def _lines(output: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    """Lines of any length: a chat template may be longer than what `readline` takes. What is left
    without an end is no line: its writer was cut off."""
    rest: list[bytes] = []
    while part := await output.read(_READ_BYTES):
        *lines, last = part.split(b"\n")
        for line in lines:
            yield b"".join((*rest, line))
            rest.clear()
        rest.append(last)


async def _handshake(
    process: asyncio.subprocess.Process, worker: LocalProcess, link_descriptor: int, told: Told
) -> Ready:
    assert process.stdin is not None  # noqa: S101 - it is a PIPE
    assert process.stdout is not None  # noqa: S101 - it is a PIPE
    spec = worker.spec
    request = to_wire(spec, str(worker.socket), worker.token, link_descriptor)
    line = json_format.MessageToJson(request, indent=None)
    with contextlib.suppress(ConnectionError):  # it ended already; its output says so
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()
    async with contextlib.aclosing(_lines(process.stdout)) as lines:
        async for answer in lines:
            handshake = json_format.Parse(answer, Handshake())
            match handshake.WhichOneof("outcome"):
                case "progress":
                    told(handshake.progress)
                case "failure":
                    raise from_wire(handshake.failure, spec.model_id)
                case _:
                    return handshake.ready
    code = await process.wait()
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    crashed = ModelLoadFailedError(
        f"The process that loaded model {spec.model_id!r} ended with {how}: the file may be"
        " damaged, or the memory too small. The server's log has its last words.",
        model=spec.model_id,
    )
    crashed.crashed = True
    raise crashed


async def _relay_log(process: asyncio.subprocess.Process, spec: WorkerSpec) -> None:
    assert process.stderr is not None  # noqa: S101 - it is a PIPE
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # a line over the buffer's limit, which readline drops
            continue
        if not line:
            return
        text = line.decode(errors="replace").rstrip()
        level, _, message = text.partition(" ")
        log = logger.error if level in ("ERROR", "CRITICAL") else logger.info
        log("worker", model=spec.model_id, pid=process.pid, message=message or text)
        if spec.log is not None:
            known = level in _LEVELS
            spec.log(level.lower() if known else "info", message if known else text)
