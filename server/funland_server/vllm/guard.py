"""The process between the server and vLLM: vLLM does not outlive the server, however that ends.

    python -P -m funland_server.vllm.guard SECONDS COMMAND...

It starts the command in a session of its own, writes its process id as a line to standard output,
and gives it its own standard error as both outputs. When its standard input ends, as it does
however the server ends, or on SIGTERM, the command gets SIGTERM and so many SECONDS; then all that
it has started is killed. When the command ends by itself, what it left is killed too. The exit code
is that of the command, 128 and the number for a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_READ_BYTES: Final = 4096
_SIGNALLED: Final = 128
_PARENT: Final = 1
"""Where in `/proc/PID/stat` a process' parent is, behind its name."""


def main() -> int:
    """See the module."""
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    asked, told = os.pipe()

    def ask(_number: int, _frame: object) -> None:
        os.write(told, b".")

    signal.signal(signal.SIGTERM, ask)
    library = ctypes.CDLL(None, use_errno=True)
    # What the command's own children leave when they end becomes a child of this process.
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def die_with_the_guard() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        start_new_session=True,
        preexec_fn=die_with_the_guard,  # noqa: PLW1509 - no other thread is there
    )
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    ended = os.pidfd_open(child.pid)
    if not _ends_by_itself(ended, asked):
        child.terminate()
        _wait([ended], seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    _sweep()
    return code if code >= 0 else _SIGNALLED - code


def _ends_by_itself(ended: int, asked: int) -> bool:
    """Waits until the command has ended, or is to end."""
    while True:
        ready = _wait([ended, asked, sys.stdin.fileno()], None)
        if ended in ready:
            return True
        if asked in ready or not os.read(sys.stdin.fileno(), _READ_BYTES):
            return False


def _wait(descriptors: list[int], seconds: float | None) -> list[int]:
    """Those that can be read, or have ended; none after so long."""
    until = None if seconds is None else monotonic() + seconds
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    rest = None if until is None else max(0.0, 1e3 * (until - monotonic()))
    return [descriptor for descriptor, _ in poll.poll(rest)]


def _sweep() -> None:
    """Kills what is left, also what had left the command's session."""
    while left := _children():
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    own = os.getpid()
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and _parent(path) == own
    ]


def _parent(path: Path) -> int | None:
    try:
        rest = (path / "stat").read_text("utf-8", "replace").rpartition(")")[2]
    except OSError:  # it has ended meanwhile
        return None
    return int(rest.split()[_PARENT])


if __name__ == "__main__":
    sys.exit(main())
