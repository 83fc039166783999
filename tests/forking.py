"""A process that has imported the `funland` command with its service, and forks for each that tests
start: their imports are made once. `tests/forked.py` starts it, and asks.

Who asks connects to its socket and sends a JSON object, with the descriptors of a standard input,
output and error. What comes back is the new process's id, and in the end its exit code, negative
for a signal's number.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TypedDict

from funland_cli.commands import SUBCOMMANDS
from funland_server.devices.readers.engines import EnginesReader
from tests.engine_devices import asking_once

MOST_BYTES = 1 << 17
"""Of a request; most of it is the environment."""
_IMPORTED = ("funland_cli.entry", "funland_cli.running", "funland_cli.settings", "protovalidate")
"""What is imported when a subcommand is run; the subcommands' own modules are in their table."""


class Request(TypedDict):
    """What the new process is to be."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    terminal: bool
    """Whether its standard input is a terminal, which is to be its own."""


def fork(listening: socket.socket, prepare: Callable[[Request], None]) -> None:
    """Forks for each request, until the standard input ends. Returns in the new processes alone."""
    ended: dict[int, tuple[int, socket.socket]] = {}
    """A process and who asked for it, by the descriptor that can be read when it has ended."""
    polled = select.poll()
    polled.register(0, select.POLLIN)
    polled.register(listening, select.POLLIN)
    while True:
        for ready, _ in polled.poll():
            if ready == 0:
                os._exit(0)
            if ready != listening.fileno():
                polled.unregister(ready)
                pid, asking = ended.pop(ready)
                os.close(ready)
                _tell(asking, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                asking.close()
                continue
            asking, _ = listening.accept()
            data, streams, _, _ = socket.recv_fds(asking, MOST_BYTES, 3)
            request: Request = json.loads(data)
            prepare(request)
            pid = os.fork()
            if pid == 0:
                for descriptor, (_, other) in ended.items():
                    os.close(descriptor)
                    other.close()
                asking.close()
                listening.close()
                _become(request, streams)
                return
            for descriptor in streams:
                os.close(descriptor)
            _tell(asking, pid)
            ended[descriptor := os.pidfd_open(pid)] = (pid, asking)
            polled.register(descriptor, select.POLLIN)


def _tell(asking: socket.socket, number: int) -> None:
    with suppress(ConnectionError):  # nobody wants to know any more
        asking.send(b"%d" % number)


def _become(request: Request, streams: list[int]) -> None:
    """Takes on what is a started process's own."""
    os.setsid()
    for place, descriptor in enumerate(streams):
        os.dup2(descriptor, place)
        os.close(descriptor)
    if request["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace")


def main() -> None:
    """Imports all, and is the command in each process but the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listening = socket.socket(fileno=int(sys.argv[1]))
    for name in (*_IMPORTED, *(f"funland_cli.{one.module}" for one in SUBCOMMANDS.values())):
        import_module(name)
    ask = asking_once()
    EnginesReader._ask = ask  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue] - as `asking_once` says
    sys.path.pop(0)  # which has no modules of the command's

    def prepare(request: Request) -> None:
        if request["arguments"][1:2] == ["serve"]:
            ask(EnginesReader())

    gc.collect()
    gc.freeze()
    fork(listening, prepare)
    from funland_cli.entry import main as command  # noqa: PLC0415 - it is the new process's

    command()


if __name__ == "__main__":
    main()
