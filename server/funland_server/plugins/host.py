"""The server's end of the process that starts those of plugins; see `plugin.proto`."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from funland.worker.v1.plugin_pb2 import (
    ExecutionEnded,
    FromPlugin,
    HostCommand,
    HostEvent,
    HostReady,
    StartExecution,
    StopExecution,
    ToPlugin,
)
from funland_server.plugins.control import Control

logger = structlog.get_logger(__name__)

_LENGTH_BYTES: Final = 4
_READY_SECONDS: Final = 60.0
_KIND_SECONDS: Final = 0.5
"""How long one may take to end when it is asked to."""
_INHERITED: Final = ("LD_LIBRARY_PATH",)
"""What Python may need to start at all; nothing else of the server's environment is passed on."""


class HostLostError(Exception):
    """The host ended, or can't be started."""


class MessageTooLongError(Exception):
    """A process announced a message that is longer than it may be."""


@dataclass(slots=True)
class PluginProcess:
    """The process of one execution."""

    execution_id: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: asyncio.Future[ExecutionEnded]
    host: PluginHost

    async def send(self, message: ToPlugin) -> None:
        """Sends a message and waits until it is taken; raises ConnectionError."""
        data = message.SerializeToString()
        self.writer.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, limit_bytes: int) -> tuple[FromPlugin, int] | None:
        """The next message and its length; None: it has let go. Raises MessageTooLongError, and
        ValueError for what is none."""
        try:
            length = int.from_bytes(await self.reader.readexactly(_LENGTH_BYTES), "big")
            if length > limit_bytes:
                raise MessageTooLongError
            data = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - only here

        try:
            return FromPlugin.FromString(data), length
        except DecodeError as error:
            raise ValueError(str(error)) from None

    async def end(self, *, at_once: bool = False) -> ExecutionEnded:
        """Ends it: kindly, unless `at_once`, then without asking. Ending it twice is no error.

        Raises:
            HostLostError: The host ended, and the process with it.
        """
        try:
            if not self.ended.done() and not at_once:
                self.host.stop(self.execution_id, at_once=False)
                await asyncio.wait([self.ended], timeout=_KIND_SECONDS)
        finally:
            self.host.stop(self.execution_id, at_once=True)
            self.writer.close()
        return await asyncio.shield(self.ended)


class PluginHost:
    """The host of one server: started when it is first needed, and again when it was lost."""

    def __init__(self) -> None:
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._control: Control | None = None
        self._reading: asyncio.Task[None] | None = None
        self._running: dict[str, asyncio.Future[ExecutionEnded]] = {}
        self._ready: asyncio.Future[HostReady] | None = None
        self._last: HostReady | None = None

    @property
    def last(self) -> HostReady | None:
        """What the host told of this system; None: none was needed yet."""
        return self._last

    async def means(self) -> HostReady:
        """What this system has to keep plugins in. Raises HostLostError."""
        async with self._starting:
            if self._control is None:
                await self._start()
        assert self._last is not None  # noqa: S101 - it is started
        return self._last

    async def open(self, start: StartExecution) -> PluginProcess:
        """Starts a process, under an id of its own; raises HostLostError."""
        await self.means()
        start.execution_id = secrets.token_hex(8)
        control = self._control
        if control is None:
            raise HostLostError("The process that starts plugins has ended.")
        own, plugins = socket.socketpair()
        ended: asyncio.Future[ExecutionEnded] = asyncio.get_running_loop().create_future()
        self._running[start.execution_id] = ended
        control.send(HostCommand(start=start), plugins)
        reader, writer = await asyncio.open_connection(sock=own)
        return PluginProcess(start.execution_id, reader, writer, ended, self)

    def stop(self, execution_id: str, *, at_once: bool) -> None:
        """Has a process ended; one that has is no error."""
        if execution_id in self._running and self._control is not None:
            stop = StopExecution(execution_id=execution_id, at_once=at_once)
            self._control.send(HostCommand(stop=stop))

    async def close(self) -> None:
        """Ends the host, and all that it started. Twice is no error."""
        process = self._process
        self._lose()
        if process is not None:
            try:
                async with asyncio.timeout(_READY_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def _start(self) -> None:
        own, hosts = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with hosts:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", "-B", "-m", "funland_plugin.host", str(hosts.fileno()),
                    pass_fds=[hosts.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    env={"LANG": "C.UTF-8"}
                    | {name: os.environ[name] for name in _INHERITED if name in os.environ},
                    start_new_session=True,  # a terminal's Ctrl-C is the server's to answer
                )  # fmt: skip
            except OSError as error:
                own.close()
                raise HostLostError(f"It can't be started: {error.strerror}.") from None
        self._ready = asyncio.get_running_loop().create_future()
        self._control = Control(own, self._hear)
        self._reading = asyncio.create_task(_log(self._process))
        try:
            async with asyncio.timeout(_READY_SECONDS):
                self._last = ready = await asyncio.shield(self._ready)
        except TimeoutError:
            self._process.kill()
            self._lose()
            raise HostLostError("It did not start in a minute.") from None
        except BaseException:
            self._lose()
            raise
        logger.info(
            "plugin_host_ready", pid=self._process.pid, missing=ready.missing,
            landlock=ready.landlock, network_namespace=ready.network_namespace,
        )  # fmt: skip

    def _hear(self, message: bytes) -> None:
        if not message:
            self._lose()
            return
        event = HostEvent.FromString(message)
        if event.HasField("ready"):
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(event.ready)
            return
        ended = self._running.pop(event.ended.execution_id, None)
        if ended is not None and not ended.done():
            ended.set_result(event.ended)

    def _lose(self) -> None:
        """Lets go of the host, which then ends all that it started."""
        if self._control is None:
            return
        self._control.close()
        self._control = None
        running, self._running = self._running, {}
        for ended in running.values():
            if not ended.done():
                ended.set_exception(HostLostError("The process that starts plugins has ended."))
                ended.exception()  # nobody may be waiting
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(HostLostError("It ended at its start."))
            self._ready.exception()


async def _log(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None  # noqa: S101 - it is a PIPE
    with suppress(ValueError):  # a line without end
        async for line in process.stderr:
            logger.warning("plugin_host_says", text=line.decode(errors="replace").rstrip())
    await process.wait()
