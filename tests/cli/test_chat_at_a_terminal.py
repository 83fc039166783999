"""A conversation at a real terminal, with the real service."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psutil
import pytest

from funland_client import Funland

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

SECONDS = 30
# Makes the terminal the process's own, so that Ctrl-C is a signal, then becomes the command. A test
# run in the background may have inherited that the signal is ignored.
TAKE_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A terminal with `funland chat` in it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
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


@pytest.fixture
def terminal(funland: Command, stack: Stack) -> Iterator[Terminal]:
    environment = funland.environment(FUNLAND_SERVER=stack.grpc_address, TERM="dumb")
    opened = Terminal([funland.path, "chat", "--temperature", "0"], environment)
    opened.wait_for(r"listens\.[^>]*> ")
    yield opened
    opened.close()


def test_it_answers_and_tells_its_pace(terminal: Terminal) -> None:
    terminal.type("Hello\n")

    shown = terminal.wait_for(r"\d+ tokens · [\d.]+ tokens/s · first after \d+ ms")

    answer = shown.partition("Hello")[2].partition(" tokens")[0]
    assert re.search(r"[A-Za-z]{2}", answer)


def test_commands_are_answered_without_the_model(terminal: Terminal) -> None:
    terminal.type("/help\n")
    terminal.wait_for(r"/reset +forget the conversation")

    terminal.type("/reset\n")
    terminal.wait_for("The conversation is forgotten")

    terminal.type("/frob\n")
    terminal.wait_for("No command /frob")


@pytest.mark.parametrize("farewell", ["\x04", "/exit\n"])
def test_it_is_left(terminal: Terminal, farewell: str) -> None:
    terminal.type(farewell)

    assert terminal.process.wait(SECONDS) == 0


def test_ctrl_c_at_the_prompt_does_not_leave(terminal: Terminal) -> None:
    terminal.interrupt()

    terminal.wait_for(r"Ctrl-D leaves\.[^>]*> ")
    terminal.type("\x04")
    assert terminal.process.wait(SECONDS) == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(terminal: Terminal, stack: Stack) -> None:
    with Funland(stack.grpc_address) as client:
        client.models.load("funland-tiny")
        workers = stack.workers()
        for worker in workers:
            worker.suspend()  # The answer never comes.
        try:
            terminal.type("Tell me a story.\n")
            end = time.monotonic() + SECONDS
            while client.system.status().active_calls < 2:  # The story's, and this one.
                assert time.monotonic() < end, "the question never came to the server"

            terminal.interrupt()

            terminal.wait_for(r"Stopped\.[^>]*> ")
        finally:
            for worker in workers:
                worker.resume()

    terminal.type("Hello\n")
    terminal.wait_for("tokens/s")
