"""What is downloaded to be timed is a model, and each line can be made."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from funland_server.models.formats.gguf_model import read_gguf
from tools.bench.services import read_line
from tools.bench_downloads.contestants import Target, Took, run
from tools.bench_downloads.lines import LINES, Line
from tools.bench_downloads.weights import write

SIZE = 3 * 1024**2


def test_the_weights_are_a_model_of_the_wanted_size_and_sum(tmp_path: Path) -> None:
    path = tmp_path / "weights.gguf"

    sha256 = write(path, SIZE, seed=1)

    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert SIZE <= path.stat().st_size < SIZE + 4096
    assert read_gguf(path).header.architecture == "llama"


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_hub_takes_what_a_line_tells_it(tmp_path: Path, line: Line) -> None:
    path = tmp_path / "weights.gguf"
    write(path, SIZE, seed=0)

    hub = subprocess.Popen(
        [sys.executable, "-m", "tests.hubs.main", str(path), *line.options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    told = orjson.loads(read_line(hub, 60))
    rest, _ = hub.communicate(timeout=60)

    assert set(told["files"]) == {"weights.gguf"}
    assert orjson.loads(rest) == {"requests": 0, "sent": 0}


def test_who_gives_up_leaves_nothing(tmp_path: Path) -> None:
    def quits(target: Target, folder: Path) -> Took:
        (folder / "half").touch()
        raise RuntimeError("it gave up")

    with pytest.raises(RuntimeError):
        run(quits, Target("", "", "", "", "", 0), tmp_path)
    assert not any(tmp_path.iterdir())
