"""`python -m funland_plugin.host DESCRIPTOR`: forks a process for each execution, and watches them.

It has imported all that they need, so that one is there in milliseconds, and runs nothing of any
plugin itself. It has one thread. When the server lets go, be it that it was killed, it ends them
and itself; they end with it in any case.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from funland.worker.v1.plugin_pb2 import (
    ExecutionEnded,
    HostCommand,
    HostEvent,
    HostReady,
    StartExecution,
)
from funland_plugin import child
from funland_plugin.isolation import kernel
from funland_plugin.isolation.confining import own_network
from funland_plugin.isolation.files import readable
from funland_plugin.isolation.probing import missing
from funland_plugin.watching import Watch

_LONGEST: Final = 65536
_LOOK_SECONDS: Final = 0.02


@dataclass(slots=True)
class _Process:
    start: StartExecution
    pid: int
    watch: Watch
    exceeded: str = ""


class Host:
    """Those of one server."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._ends, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._ends, selectors.EVENT_READ)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)  # what is ignored wakes nobody
        self._processes: dict[str, _Process] = {}
        self._readable = readable()

    def serve(self) -> None:
        """Does what the server wants, until it lets go."""
        self._tell(
            HostEvent(
                ready=HostReady(
                    network_namespace=own_network(),
                    landlock=kernel.landlock_version(),
                    missing=(without := missing()),
                    seccomp="seccomp" not in without,
                )
            )
        )
        gc.freeze()  # what is here now stays shared
        try:
            while self._turn():
                pass
        finally:
            for process in self._processes.values():
                _signal(process.pid, signal.SIGKILL)

    def _turn(self) -> bool:
        for key, _ in self._selector.select(_LOOK_SECONDS if self._processes else None):
            if key.fileobj is self._control:
                if not self._obey():
                    return False
            else:
                with suppress(BlockingIOError):
                    os.read(self._ends, _LONGEST)
                self._look_for_ends()
        for process in self._processes.values():
            if not process.exceeded and (exceeded := process.watch.exceeded()):
                process.exceeded = exceeded
                _signal(process.pid, signal.SIGKILL)
        return True

    def _obey(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, _LONGEST, 1)
        if not message:
            return False
        command = HostCommand.FromString(message)
        if command.HasField("start"):
            with socket.socket(fileno=descriptors[0]) as own:
                self._start(command.start, own)
        elif process := self._processes.get(command.stop.execution_id):
            at_once = command.stop.at_once
            _signal(process.pid, signal.SIGKILL if at_once else signal.SIGTERM)
        return True

    def _start(self, start: StartExecution, own: socket.socket) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # the system has no room for it
            ended = ExecutionEnded(
                execution_id=start.execution_id, not_started=error.strerror or "unknown"
            )
            self._tell(HostEvent(ended=ended))
            return
        if pid == 0:
            child.run(start, own, self._readable, parent)
        watch = Watch(pid, start.folder, start.memory_bytes, start.disk_bytes)
        process = _Process(start, pid, watch)
        self._processes[start.execution_id] = process

    def _look_for_ends(self) -> None:
        for process in list(self._processes.values()):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                self._end(process, status)

    def _end(self, process: _Process, status: int) -> None:
        del self._processes[process.start.execution_id]
        ended = ExecutionEnded(
            execution_id=process.start.execution_id,
            exit_code=os.waitstatus_to_exitcode(status),
            exceeded=process.exceeded,
            peak_memory_bytes=process.watch.peak_bytes,
        )
        self._tell(HostEvent(ended=ended))

    def _tell(self, event: HostEvent) -> None:
        self._control.send(event.SerializeToString())


def _nothing(number: int, frame: object) -> None:
    """Lets a signal interrupt."""


def _signal(pid: int, number: int) -> None:
    """Its processes are ended by nobody else: until they are waited for, their ids are theirs."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def main() -> NoReturn:
    """Serves the server at the other end of a socket."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a terminal's Ctrl-C is the server's to answer
    control = socket.socket(fileno=int(sys.argv[1]))
    with suppress(ConnectionError, BrokenPipeError):
        Host(control).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
