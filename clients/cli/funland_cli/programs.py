"""Programs of the system that play sound and record it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from funland_cli.failures import CommandError

_PLAYERS: Final[Sequence[Sequence[str]]] = (
    ("aplay", "-q", "-"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"),
    ("mpv", "--no-terminal", "--really-quiet", "-"),
    ("play", "-q", "-t", "wav", "-"),
)
"""They read a WAV of unknown length from a pipe."""

RATE: Final = 16_000
"""Samples a second of what is recorded."""
_RECORDERS: Final[Sequence[Sequence[str]]] = (
    ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", "1"),
    ("parec", "--raw", "--format=s16le", f"--rate={RATE}", "--channels=1"),
    ("rec", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-r", str(RATE), "-c", "1", "-"),
)
"""They write samples of 16 bits, the lowest byte first, of one channel, to a pipe."""
_PART_BYTES: Final = RATE * 2 // 10
"""A tenth of a second."""


def player() -> Sequence[str] | None:
    """The command that plays what comes over a pipe; None if none is installed."""
    return _installed(_PLAYERS)


@contextmanager
def playing(command: Sequence[str]) -> Generator[IO[bytes]]:
    """What a player reads; leaving the block waits until it has played all of it.

    Raises CommandError if it can't play.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        stdin, stderr = _pipe(process.stdin), _pipe(process.stderr)
        try:
            yield stdin
            stdin.close()
            process.wait()
        except BrokenPipeError:
            process.wait()
        except BaseException:
            process.terminate()
            raise
        if process.returncode:
            why = stderr.read().decode(errors="replace").strip().partition("\n")[0]
            raise CommandError(
                f"{command[0]} can't play it: {why or f'exit code {process.returncode}'}",
                hint="--output FILE writes it",
            )


@contextmanager
def recording() -> Generator[Iterator[bytes]]:
    """What a microphone hears, a tenth of a second each; leaving the block ends it.

    Raises CommandError if no program records, or it can't.
    """
    command = _installed(_RECORDERS)
    if command is None:
        names = ", ".join(each[0] for each in _RECORDERS)
        raise CommandError(
            f"No program that records is installed: none of {names}.",
            hint="funland listen --live - takes samples of 16 bits, 16000 a second, from a pipe",
        )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield _recorded(process, command[0])
        finally:
            process.terminate()


def _recorded(process: subprocess.Popen[bytes], name: str) -> Iterator[bytes]:
    stdout, stderr = _pipe(process.stdout), _pipe(process.stderr)
    heard = False
    while part := stdout.read(_PART_BYTES):
        heard = True
        yield part
    if not heard:
        why = stderr.read().decode(errors="replace").strip().partition("\n")[0]
        raise CommandError(f"{name} can't record: {why}")


def pieces(source: IO[bytes]) -> Iterator[bytes]:
    """What a pipe gives, a tenth of a second each."""
    while part := source.read(_PART_BYTES):
        yield part


def _installed(commands: Sequence[Sequence[str]]) -> Sequence[str] | None:
    return next((command for command in commands if shutil.which(command[0])), None)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise TypeError("it was started with one")
    return pipe
