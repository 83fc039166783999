"""The `funland` command in a process that is forked from one with all imports made. It is real in
all but its start; `tests/cli/test_serve.py` starts it as users do."""

from __future__ import annotations

import atexit
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO

from tests.forking import MOST_BYTES, Request

PROGRAM = str(Path(sys.executable).with_name("funland"))
_HERE = Path(__file__).parent
_BY_THE_START = ("LANG", "LC_", "PYTHON")
"""What the interpreter reads in the environment when it starts."""

Stream = int | IO[str] | IO[bytes]


class Forked:
    """A process that runs, or has run; what it has is as `subprocess.Popen` has it."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        streams: Sequence[Stream],
        folder: Path | None = None,
        *,
        terminal: bool = False,
    ) -> None:
        """`streams` are its standard input, output and error. It has a session of its own, and
        takes its input for its terminal if that is wanted."""
        request = Request(
            arguments=[PROGRAM, *arguments],
            environment=dict(environment),
            folder=str(folder or Path.cwd()),
            terminal=terminal,
        )
        data = json.dumps(request).encode()
        assert len(data) < MOST_BYTES
        self.returncode: int | None = None
        self._turn = Lock()
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._told.connect(_forker().address)
        numbers = [one if isinstance(one, int) else one.fileno() for one in streams]
        socket.send_fds(self._told, [data], numbers)
        self.pid = self._number()

    def __del__(self) -> None:
        self._told.close()

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        with self._turn:
            if self.returncode is None and self._ended_within(0):
                self.returncode = self._number()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; raises subprocess.TimeoutExpired."""
        if self.returncode is None and not self._ended_within(timeout):
            raise subprocess.TimeoutExpired(PROGRAM, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, seconds: float | None) -> bool:
        polled = select.poll()
        polled.register(self._told, select.POLLIN)
        return bool(polled.poll(None if seconds is None else seconds * 1000))

    def _number(self) -> int:
        told = self._told.recv(16)
        assert told, "the process that forks has ended"
        return int(told)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a forked process is as one that is started with this environment."""

    def read(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: v for name, v in variables.items() if name.startswith(_BY_THE_START)}

    return read(environment) == read(os.environ)


def folder() -> Path:
    """One for the front of a PATH: its `funland` is forked too."""
    return _forker().folder


class _Forker:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fl-"))  # sockets have short paths
        self.address = str(self.folder / "socket")
        script = self.folder / "funland"
        asking = [sys.executable, "-IS", str(_HERE / "asking.py"), self.address, PROGRAM]
        script.write_text(f'#!/bin/sh\nexec {shlex.join(asking)} "$@"\n')
        script.chmod(0o755)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(self.address)
            listening.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forking", str(listening.fileno())],
                cwd=_HERE.parent,
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )

    def close(self) -> None:
        """Ends it. What it has forked goes on."""
        self._process.communicate()
        shutil.rmtree(self.folder)


@cache
def _forker() -> _Forker:
    """This process's, to its end."""
    forker = _Forker()
    atexit.register(forker.close)
    return forker
