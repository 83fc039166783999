"""A conversation at a real terminal, with the real service."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from funland_client import Funland
from tests.cli.terminal import SECONDS, Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack


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
