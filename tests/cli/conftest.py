"""The `funland` command as a user runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests.forked import PROGRAM, Forked, can_fork

SECONDS = 300


class Command:
    """The installed command, in an environment without settings of Funland but those given."""

    path = PROGRAM

    def environment(self, **variables: str) -> dict[str, str]:
        inherited = {name: v for name, v in os.environ.items() if not name.startswith("FUNLAND_")}
        return inherited | variables

    def __call__(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end."""
        environment = self.environment(**variables)
        if not can_fork(environment):
            return subprocess.run(
                [self.path, *arguments], input=stdin, capture_output=True, text=True,
                timeout=SECONDS, check=False, cwd=cwd, env=environment,
            )  # fmt: skip
        with TemporaryFile("w+") as given, TemporaryFile("w+") as out, TemporaryFile("w+") as error:
            given.write(stdin)
            given.seek(0)
            process = Forked(arguments, environment, (given, out, error), cwd)
            try:
                code = process.wait(SECONDS)
            finally:
                process.kill()
            told = [file.read() for file in (out, error) if not file.seek(0)]
        return subprocess.CompletedProcess([self.path, *arguments], code, *told)


@pytest.fixture(scope="session")
def funland() -> Command:
    return Command()
