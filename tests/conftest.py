"""The real service, as a user starts it, for all tests that need one."""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

import hypothesis
import psutil
import pytest

from funland_server.devices.readers.engines import EnginesReader
from funland_server.models.installed import catalog
from funland_server.models.installed.built_in import built_in_models
from funland_server.storage import sqlite
from tests import postgresql as postgresql_server
from tests.engine_devices import asking_once
from tests.forked import Forked
from tests.made_once import copying
from tests.processes import children

# Tests start processes by the thousand, whose modules, and the tests' own, are compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell has what it runs in the background ignore Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Twenty thousand tests that are collected are not looked through for garbage again and again.
gc.disable()

_LONG = (
    "cli/test_accounts.py",
    "cli/test_against_the_service.py",
    "clients/languages/test_compiled_languages.py",
    "clients/languages/test_scenario.py",
    "docs/test_examples.py",
    "e2e/test_deployments.py",
    "e2e/test_live_hearing.py",
    "e2e/test_mcp_package.py",
    "e2e/test_openai_media.py",
    "e2e/test_placing.py",
    "e2e/test_pull.py",
    "e2e/test_speech.py",
    "e2e/test_training.py",
    "faults/test_bad_fields.py",
    "page/test_connection.py",
    "page/test_doing.py",
    "page/test_places.py",
    "server/speech/test_hearing.py",
    "server/speech/test_speaking.py",
    "server/tasks/media/test_speaking.py",
    "worker/engines/llama_cpp/test_accelerators.py",
    "worker/engines/llama_cpp/test_architectures.py",
    "worker/hearing/test_openvino_whisper.py",
    "worker/training/test_worker.py",
)
"""Files that take twenty seconds of a processor and more."""
_START_SECONDS = 240.0
_STOP_SECONDS = 120.0

# How long one example takes says something of the machine, and nothing of the code.
hypothesis.settings.register_profile("funland", deadline=None)
hypothesis.settings.load_profile("funland")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files begin first, so that no process is left with one at the end."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(_LONG))


def pytest_collection_finish() -> None:
    """What was collected stays."""
    gc.collect()
    gc.freeze()
    gc.enable()


@dataclass(frozen=True, slots=True)
class Stack:
    """A `funland serve` process that is ready."""

    grpc_address: str
    http_url: str
    home: Path
    process: Forked
    admin_password: str = ""
    """Of the user `admin`, if this start has made that."""

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
def what_starts_have_in_common_is_made_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """For the servers that tests start in their own process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EnginesReader, "_ask", asking_once())
        patch.setattr(f"{catalog.__name__}.built_in_models", cache(built_in_models))
        patch.setattr(sqlite, "_make_private", copying(tmp_path_factory.mktemp("sqlite")))
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_is_logged_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of who runs the tests: no key, and no login that they keep."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FUNLAND_KEY", raising=False)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def picture_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny text-to-image model; not to be written to."""
    from tests.picture_models import write_picture_model  # noqa: PLC0415 - it takes a second

    return write_picture_model(tmp_path_factory.mktemp("models") / "tiny-picture")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One service for all tests; a test that ends its worker leaves one that comes back."""
    with running(tmp_path_factory.mktemp("funland")) as stack:
        yield stack


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Starts services of a test's own: `start_stack(FUNLAND_SERVER__SLOTS="4")`."""
    with ExitStack() as started:

        def start(home: Path | None = None, **environment: str) -> Stack:
            return started.enter_context(running(home or tmp_path / "home", **environment))

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
def running(home: Path, **environment: str) -> Generator[Stack]:
    """A service in a home until the block ends, for a fixture of a module's own."""
    command = ["serve", "--json", "--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    home.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    with (
        os.fdopen(reading) as output,
        (home / "server.log").open("w") as log,
        Path(os.devnull).open() as nothing,
    ):
        with os.fdopen(writing, "w") as told:
            process = Forked(command, {**os.environ, **environment}, (nothing, told, log))
        try:
            line = _first_line(output)
            assert line, f"funland serve did not start:\n{(home / 'server.log').read_text()}"
            ready = json.loads(line)
            password = ready.get("first_admin", {}).get("password", "")
            yield Stack(ready["grpc"], ready["http"], home, process, password)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _first_line(output: TextIO) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        return output.readline() if selector.select(_START_SECONDS) else ""
