"""Sees to it that a home has one server."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from funland_server.errors import StartError

_PATIENCE_SECONDS: Final = 1.0
"""One that was just killed may need a moment to go."""
_PAUSE_SECONDS: Final = 0.05


@contextmanager
def alone_in(home: Path) -> Generator[None]:
    """Keeps other servers out of a home until the block is left, or this process ends in any way.
    One that is not there is made, for the user of this process alone: users' files come into it.

    Two would take each other for an earlier start of the home, and each run what the other runs.
    Blocks for a second at most. Raises StartError if the home has another, or can't be used.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"The home {home} can't be used ({error.strerror}); name another with --home or"
            " FUNLAND_HOME."
        ) from error
    try:
        if not _taken(lock):
            process = os.pread(lock, 32, 0).decode(errors="replace").strip()
            raise StartError(
                f"The home {home} has a server already, process {process}: stop that, or name"
                " another home with --home or FUNLAND_HOME."
            )
        with suppress(OSError):  # A full disk must not keep a server from its start.
            os.truncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    """Whether the lock could be had. It is the process's own: a child that it leaves has none."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # as the kernel likes
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE_SECONDS)
        except OSError:  # Some file systems have no locks.
            return True
        else:
            return True
