from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.server.vllm.conftest import environment

SECONDS = 120
"""Enough on any machine; a guard gives its command ten."""

HELPED = """
import signal, subprocess, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(1))
helpers = [subprocess.Popen(["sleep", "600"], start_new_session=new) for new in (False, True)]
print(*(each.pid for each in helpers), file=sys.stderr, flush=True)
"""
"""Starts one that stays in its session, and one that leaves it; ends when it is told to."""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
WAITS = "import signal; signal.pause()"


class Guards:
    """Starts guards, and ends what a test that fails leaves."""

    def __init__(self, started: ExitStack) -> None:
        self._started = started

    def start(self, program: str, seconds: float = 30) -> subprocess.Popen[str]:
        command = ["-P", "-m", "funland_server.vllm.guard", str(seconds)]
        guard = subprocess.Popen(
            [sys.executable, *command, sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.enter_context(guard)
        self._started.callback(guard.kill)
        return guard


@pytest.fixture
def guards() -> Iterator[Guards]:
    with ExitStack() as started:
        yield Guards(started)


def family(guard: subprocess.Popen[str], *, helpers: bool = False) -> list[psutil.Process]:
    """The command, and what it says that it started."""
    assert guard.stdout is not None
    assert guard.stderr is not None
    pids = [int(guard.stdout.readline())]
    if helpers:
        pids += map(int, guard.stderr.readline().split())
    return [psutil.Process(pid) for pid in pids]


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end."""
    _, left = psutil.wait_procs(processes, SECONDS)
    return not left


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", 128 + signal.SIGKILL),
        ("pass", 0),
    ],
)
def test_the_exit_code_is_that_of_the_command(guards: Guards, program: str, code: int) -> None:
    assert guards.start(program).wait(SECONDS) == code


def test_the_command_ends_kindly_when_the_input_does(guards: Guards) -> None:
    says = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    guard = guards.start(f"import signal, sys; {says}; print('x', file=sys.stderr); signal.pause()")
    command = family(guard)
    assert guard.stderr is not None
    assert guard.stdin is not None
    guard.stderr.readline()  # it has set its handler

    guard.stdin.close()

    assert guard.wait(SECONDS) == 7
    assert gone(command)


def test_one_that_does_not_listen_is_killed(guards: Guards) -> None:
    guard = guards.start(f"{DEAF}import sys; print('x', file=sys.stderr); {WAITS}", seconds=0.1)
    command = family(guard)
    assert guard.stderr is not None
    guard.stderr.readline()

    guard.send_signal(signal.SIGTERM)

    assert guard.wait(SECONDS) == 128 + signal.SIGKILL
    assert gone(command)


@pytest.mark.parametrize("by_itself", [True, False])
def test_what_the_command_has_started_ends_with_it(guards: Guards, by_itself: bool) -> None:
    guard = guards.start(f"{HELPED}{WAITS}", seconds=0.1)
    processes = family(guard, helpers=True)
    assert len(processes) == 3

    if by_itself:
        processes[0].send_signal(signal.SIGUSR1)
    else:
        assert guard.stdin is not None
        guard.stdin.close()

    guard.wait(SECONDS)
    assert gone(processes)


def test_the_command_does_not_outlive_a_guard_that_is_killed(guards: Guards) -> None:
    guard = guards.start(WAITS)
    command = family(guard)

    guard.kill()

    assert gone(command)


def test_nothing_is_left_of_a_server_that_is_killed(tmp_path: Path) -> None:
    helpers = tmp_path / "helpers"
    folder = environment(tmp_path / "environment", "--helpers", str(helpers))
    command = [sys.executable, "-m", "tools.try_vllm", "--hold", "--environment", str(folder)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        processes = psutil.Process(server.pid).children(recursive=True)
        assert {*map(int, helpers.read_text().split())} < {each.pid for each in processes}
        server.kill()

    assert gone(processes)
