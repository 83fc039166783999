"""A terminal with a command in it, as a user sits before it."""

from __future__ import annotations

import os
import pty
import re
import select
import time

import psutil

from tests.forked import Forked

SECONDS = 120


class Terminal:
    """A terminal with a command in it; `shown` is what it wrote since the last key."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.process = Forked(command[1:], environment, [slave] * 3, terminal=True)
        os.close(slave)
        self.shown = ""

    def type(self, text: str) -> None:
        """Types; `\\x03` and `\\x04` are Ctrl-C and Ctrl-D."""
        self.shown = ""
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Reads until the pattern is shown."""
        end = time.monotonic() + SECONDS
        while not re.search(pattern, self.shown):
            ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{pattern!r} was not shown, but {self.shown!r}"
            try:
                self.shown += os.read(self._master, 4096).decode(errors="replace")
            except OSError as error:  # The other side is closed.
                raise AssertionError(f"{pattern!r} was not shown, but {self.shown!r}") from error
        return self.shown

    def interrupt(self) -> None:
        """Presses Ctrl-C when the program waits: Python's readline loses a signal that comes
        between the prompt and its wait for a key."""
        program = psutil.Process(self.process.pid)
        end = time.monotonic() + SECONDS
        while program.status() != psutil.STATUS_SLEEPING:
            assert time.monotonic() < end, "the program never waits"
        self.type("\x03")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
