"""Starts the servers that are measured, on loopback, and ends them."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import orjson

_START_SECONDS = 120
_STOP_SECONDS = 20
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """A `funland serve` that is ready."""

    grpc: str
    http: str
    home: Path
    pid: int
    first_admin: dict[str, str] | None = None
    """The name and the password of the user that it made, if it has accounts."""


@contextmanager
def funland(home: Path, **settings: object) -> Generator[Service]:
    """Runs `funland serve`; `settings` are named as its variables are: `SERVER__THREADS=2`."""
    command = [str(Path(sys.executable).with_name("funland")), "serve", "--json"]
    command += ["--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    # A row may have to wait for its turn longer than models are kept.
    settings = {"SERVER__KEEP_ALIVE_SECONDS": -1, **settings}
    variables = {f"FUNLAND_{name}": str(value) for name, value in settings.items()}
    home.mkdir(parents=True, exist_ok=True)
    with running(command, home / "server.log", variables) as process:
        line = read_line(process, _START_SECONDS)
        if not line:
            raise RuntimeError(f"funland serve did not start; see {home / 'server.log'}")
        ready = orjson.loads(line)
        yield Service(ready["grpc"], ready["http"], home, process.pid, ready.get("first_admin"))


@contextmanager
def serving(command: Sequence[str], log: Path, health: str) -> Generator[int]:
    """Runs a server whose words all go to its log; gives its process's id once the URL `health`
    answers."""
    with running(command, log, piped=False) as process:
        _await_health(health, process, log)
        yield process.pid


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    variables: dict[str, str] | None = None,
    *,
    piped: bool = True,
) -> Generator[subprocess.Popen[bytes]]:
    """Runs a program with pipes to and from it; on leaving, it ends. So it does on SIGTERM.

    Not `piped`, what it writes goes to the log: a full pipe that nobody reads would stop it.
    """
    signal.signal(signal.SIGTERM, _leave)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else errors,
            stderr=errors,
            env={**os.environ, **(variables or {})},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)


def read_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next line that a program writes; empty if it writes none in time, or has ended."""
    assert process.stdout is not None  # noqa: S101 - it is a PIPE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(seconds) else b""


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


def _await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = build_opener(ProxyHandler({}))
    end = monotonic() + _START_SECONDS
    while monotonic() < end and process.poll() is None:
        try:
            with opener.open(url, timeout=5):
                return
        except (URLError, OSError):
            sleep(_POLL_SECONDS)
    raise RuntimeError(f"{process.args!r} did not start; see {log}")


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:  # what was still to be written has no reader any more
        return
