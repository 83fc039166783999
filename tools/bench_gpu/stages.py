"""Stages that run one after the other, each with a limit of its own and all with one together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

_LEAST_SECONDS: Final = 10.0
"""With less than that left a stage does not begin."""
_TAIL: Final = 40


@dataclass(frozen=True, slots=True)
class Stage:
    """A command, and for how long it may run."""

    name: str
    command: Sequence[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stage."""

    stage: Stage
    code: int | None
    """Its exit code; None: it took too long, or there was no time for it."""
    seconds: float
    log: Path

    @property
    def told(self) -> str:
        """How it ended, in a few words."""
        if self.code is None:
            return "took too long" if self.seconds else "no time left"
        return "done" if self.code == 0 else f"failed with {self.code}"

    def last_lines(self) -> str:
        """The end of what it had to say."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_TAIL:])


@dataclass(slots=True)
class Runner:
    """Runs stages; what fails or takes too long holds up none after it."""

    folder: Path
    seconds: float
    """For all stages together."""
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    _begin: float = field(default_factory=monotonic)

    @property
    def left(self) -> float:
        """How many seconds there are for what is still to come."""
        return self.seconds - (monotonic() - self._begin)

    def run(self, stage: Stage) -> Outcome:
        """Runs one, with its words in a log."""
        log = self.folder / f"{stage.name}.log"
        limit = min(stage.seconds, self.left)
        if limit < _LEAST_SECONDS:
            outcome = Outcome(stage, None, 0, log)
        else:
            begin = monotonic()
            code = _run(stage.command, log, limit)
            outcome = Outcome(stage, code, monotonic() - begin, log)
        self.outcomes.append(outcome)
        print(f"{stage.name}: {outcome.told}, {outcome.seconds:.0f} s", flush=True)
        return outcome


def _run(command: Sequence[str], log: Path, seconds: float) -> int | None:
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            output.write(f"{error}\n".encode())
            return 127
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Itself and all that it started; those of a stage that ended may be left too.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
