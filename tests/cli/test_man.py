"""The manual of all commands is one that `man` reads."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from funland_cli.commands import SUBCOMMANDS
from funland_cli.failures import ExitCode

if TYPE_CHECKING:
    from tests.cli.conftest import Command


@pytest.fixture(scope="module")
def manual(funland: Command) -> str:
    result = funland("man")
    assert result.returncode == 0
    return result.stdout


def test_it_has_all_commands_and_exit_codes(manual: str) -> None:
    assert manual.startswith(".TH FUNLAND 1")
    for name in [*SUBCOMMANDS, "models import", "train start"]:
        assert f".SS funland {name}".replace("-", "\\-") in manual
    _, _, codes = manual.partition(".SH EXIT CODES")
    for code in ExitCode:
        assert f"  {code.value} " in codes


def test_man_reads_it_without_a_word(manual: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")

    read = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww"], input=manual, capture_output=True, text=True, check=True
    )

    assert read.stderr == ""
    assert "funland models import model.gguf" in read.stdout
