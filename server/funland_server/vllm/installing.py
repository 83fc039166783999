"""Makes the environment that vLLM is installed in."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from funland_server.vllm.arguments import MODULE
from funland_server.vllm.environment import MARK, Environment, look, mark, own_folder
from funland_server.vllm.packages import OTHERS, Kind, size, steps
from funland_server.workers.environment import inherited

Run: TypeAlias = Callable[[Sequence[str]], None]
"""Runs a program to its end; raises CalledProcessError if that is not a good one."""

_NVIDIA: Final = Path("/proc/driver/nvidia/version")
"""Where NVIDIA's driver tells that it is loaded."""


class NotInstalledError(Exception):
    """Nothing was installed; the message says why, and what to do."""


def kind_here() -> str:
    """Which of `KINDS` this machine is for."""
    return "nvidia" if _NVIDIA.exists() else "cpu"


def install(
    home: Path, kind: Kind, *, index: str = "", told: Callable[[str], None], run: Run
) -> Environment:
    """Makes the home's own environment, anew if there is one. It is used as soon as it is whole;
    one that was not finished is removed by the next try. Blocks for minutes.

    Args:
        home: The server's.
        kind: What to install.
        index: A place where packages are looked for too.
        told: Is told what is done now.
        run: Runs programs.

    Raises:
        NotInstalledError: Another installs it, the disk is too full, or a program failed.
    """
    folder = own_folder(home)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock")):
        (folder / MARK).unlink(missing_ok=True)  # from now on it is half made
        shutil.rmtree(folder, ignore_errors=True)
        free = shutil.disk_usage(folder.parent).free
        if free < kind.disk_bytes:
            raise NotInstalledError(
                f"It takes at least {size(kind)} of the disk, of which"
                f" {free / 1e9:.1f} GB are free."
            )
        try:
            return _make(folder, kind, index, told, run)
        except subprocess.CalledProcessError as failed:
            raise NotInstalledError(
                f"It was not installed: a program ended with exit code {failed.returncode}, and"
                " has said why. Try again when that is mended."
            ) from failed


def runner(*, quiet: bool) -> Run:
    """Runs programs with the environment of this one, but for its settings, and shows what they
    say on standard error, unless it is to be `quiet`."""

    def run(command: Sequence[str]) -> None:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else sys.stderr,
            stderr=subprocess.DEVNULL if quiet else None,
            env=inherited(),
        )

    return run


def _make(
    folder: Path, kind: Kind, index: str, told: Callable[[str], None], run: Run
) -> Environment:
    told("Making a virtual environment ...")
    run([sys.executable, "-P", "-m", "venv", str(folder)])
    python, others = str(folder / "bin" / "python"), folder / "others.txt"
    for step in steps(kind, others, index):
        if str(others) in step.arguments:
            program = f"import sys; sys.stdout = open(sys.argv[1], 'w')\n{OTHERS}"
            run([python, "-P", "-c", program, str(others)])
        told(f"Installing {step.title} ...")
        run([python, "-P", "-m", "pip", "--disable-pip-version-check", *step.arguments])
    told("Trying it ...")
    run([python, "-P", "-c", f"import {MODULE}"])
    found = look(folder, ours=False)
    if found is None:
        raise NotInstalledError(f"{kind.package} is not where pip was to put it.")
    mark(folder, found)
    return found


@contextmanager
def _alone(path: Path) -> Generator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotInstalledError("Another program is installing it.") from None
        yield
