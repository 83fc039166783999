"""Programs of other languages: whether they can be built here, and their runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.conftest import Stack

ROOT: Final = Path(__file__).parents[3]
REQUIRED: Final = "REQUIRE_LANGUAGES"
"""The variable with the languages whose tests must run, parted by spaces."""

_SECONDS = 300


def need(language: str, *there: str) -> None:
    """Skips a test where a command or a file of its language is missing, unless it is required."""
    missing = [each for each in there if not (shutil.which(each) or Path(each).exists())]
    if missing and language not in os.environ.get(REQUIRED, "").split():
        pytest.skip(f"{language} needs {', '.join(missing)}")


def run(command: list[str], folder: Path, stack: Stack | None = None) -> str:
    """Runs a command, told where the service is; gives what it printed. Fails with that."""
    places = {"FUNLAND_SERVER": stack.grpc_address, "FUNLAND_URL": stack.http_url} if stack else {}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
