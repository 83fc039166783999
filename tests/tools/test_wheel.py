"""What the wheel is made of is what a checkout runs."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import llama_cpp
import pytest

from tools.wheel import libraries

UNIT = Path(__file__).parents[2] / "tools" / "packaging" / "funland.service"


def test_its_release_of_llama_cpp_is_the_one_that_is_tested() -> None:
    installed = importlib.metadata.version("llama-cpp-python")

    assert libraries.requirement() == f"llama-cpp-python=={installed}"
    assert libraries.key() == libraries.key()


@pytest.mark.parametrize("name", libraries.BINDINGS)
def test_the_bindings_import_nothing_but_each_other(name: str) -> None:
    folder = Path(llama_cpp.__file__).parent

    text = libraries.moved((folder / name).read_text("utf-8"))

    imported = re.findall(r"(?m)^\s*(?:from|import) (\w*llama_cpp\b[\w.]*)", text)
    assert imported or name == "_ctypes_extensions.py"
    assert all(module.startswith("funland_llama_cpp.") for module in imported), imported


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace("/opt/funland/bin/funland", "/bin/true"))

    told = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, check=False
    )

    assert "funland.service" not in told.stderr
