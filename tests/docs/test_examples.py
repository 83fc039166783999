"""What the README shows to type works as it stands there, and answers in the form it shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from funland_server.models.installed.embedded import embedded_model
from tests.conftest import StartStack
from tests.docs.markdown import blocks, read

README = read("README.md")
HTTP_URL, GRPC_ADDRESS = "http://127.0.0.1:8000", "127.0.0.1:50051"
EXAMPLE = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder with a model file, and a running service in the place of the default one."""

    folder: Path
    http_url: str
    grpc_address: str

    def run(self, interpreter: list[str], script: str) -> str:
        script = script.replace(HTTP_URL, self.http_url).replace(GRPC_ADDRESS, self.grpc_address)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*interpreter, script],
            cwd=self.folder,
            env={**os.environ, "FUNLAND_SERVER": self.grpc_address, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def workplace(start_stack: StartStack, tmp_path: Path) -> Workplace:
    stack = start_stack()
    shutil.copy(embedded_model().path, tmp_path / "my-model.gguf")
    return Workplace(tmp_path, stack.http_url, stack.grpc_address)


def test_every_command_runs(workplace: Workplace) -> None:
    examples = EXAMPLE.findall("".join(blocks(README, "console")))
    # `make serve` installs, and does not end.
    examples = [example for example in examples if not example[0].startswith("make ")]

    assert {command.split()[0] for command, _ in examples} == {"curl", "funland"}
    for command, shown in examples:
        output = workplace.run(["bash", "-e", "-o", "pipefail", "-c"], command)

        assert bool(output) == bool(shown), command
        if shown.startswith("{"):
            assert shapes(output) == shapes(shown), command


def test_every_piece_of_python_runs(workplace: Workplace) -> None:
    examples = blocks(README, "python")

    for text in ("OpenAI(", "Funland()", "DescriptorPool("):
        assert text in "".join(examples)
    for example in examples:
        assert workplace.run([sys.executable, "-c"], example), example


def shapes(lines: str) -> set[str]:
    """The forms of lines of JSON: which keys they have and what kind of values."""
    return {json.dumps(shape(json.loads(line)), sort_keys=True) for line in lines.splitlines()}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [shape(item) for item in cast("list[Any]", value)]
    return type(value).__name__
