"""The real service, as a user starts it, for all tests that need one."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import psutil
import pytest

from tests import engine_devices
from tests import postgresql as postgresql_server
from tests.processes import children

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0

# How long one example takes says something of the machine, and nothing of the code.
hypothesis.settings.register_profile("funland", deadline=None)
hypothesis.settings.load_profile("funland")


@dataclass(frozen=True, slots=True)
class Stack:
    """A `funland serve` process that is ready."""

    grpc_address: str
    http_url: str
    home: Path
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    def log(self) -> str:
        """What it has written to its log."""
        return (self.home / "server.log").read_text(encoding="utf-8")

    def workers(self) -> list[psutil.Process]:
        """Its worker processes, one for each loaded model."""
        return children(pid=self.pid)

    def stop(self) -> int:
        """Stops it as Ctrl-C does, and gives its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(_STOP_SECONDS)


StartStack = Callable[..., Stack]


@pytest.fixture(scope="session", autouse=True)
def engines_are_asked_once() -> Iterator[None]:
    """For the servers that tests start in their own process."""
    with pytest.MonkeyPatch.context() as patch:
        engine_devices.ask_once(patch)
        yield


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One service for all tests; a test that ends its worker leaves one that comes back."""
    with _running(tmp_path_factory.mktemp("funland")) as stack:
        yield stack


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Starts services of a test's own: `start_stack(FUNLAND_SERVER__SLOTS="4")`."""
    with ExitStack() as started:

        def start(home: Path | None = None, **environment: str) -> Stack:
            return started.enter_context(_running(home or tmp_path / "home", **environment))

        yield start


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgresql_server.Cluster]:
    """One PostgreSQL for all tests; each takes a database of its own."""
    with postgresql_server.cluster() as cluster:
        yield cluster


@pytest.fixture
def own_postgresql() -> Iterator[postgresql_server.Cluster]:
    """One for a test that stops or kills it."""
    with postgresql_server.cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Where a test's database is: SQLite's file, or the URL of a PostgreSQL that is migrated and
    has no rows. Whoever asks for it runs on both."""
    if request.param == "sqlite":
        yield tmp_path / "home" / "funland.sqlite3"
        return
    cluster: postgresql_server.Cluster = request.getfixturevalue("postgresql")
    with cluster.migrated() as url:
        yield url


@contextmanager
def _running(home: Path, **environment: str) -> Generator[Stack]:
    command = [str(Path(sys.executable).parent / "funland"), "serve", "--json"]
    command += ["--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        line = _first_line(process)
        assert line, f"funland serve did not start:\n{(home / 'server.log').read_text()}"
        ready = json.loads(line)
        yield Stack(ready["grpc"], ready["http"], home, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(_START_SECONDS) else ""
