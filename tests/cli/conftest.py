"""The `funland` command as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


class Command:
    """The installed command, in an environment without settings of Funland but those given."""

    path = str(Path(sys.executable).with_name("funland"))

    def environment(self, **variables: str) -> dict[str, str]:
        inherited = {name: v for name, v in os.environ.items() if not name.startswith("FUNLAND_")}
        return inherited | variables

    def __call__(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end."""
        return subprocess.run(
            [self.path, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=cwd,
            env=self.environment(**variables),
        )


@pytest.fixture(scope="session")
def funland() -> Command:
    return Command()
