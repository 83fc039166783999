"""What a run is estimated to take, and what one takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from funland.v1.training_pb2 import Hyperparameters
from funland_server.models.formats.gguf import read_contents
from funland_server.models.installed.embedded import embedded_model
from funland_server.training import estimating
from funland_server.training.trainable import network
from funland_worker.engines.gguf_source import GgufSource
from funland_worker.training import attention, head, plan
from funland_worker.training import network as worker_network
from funland_worker.training.layout import layout
from funland_worker.training.settings import Settings
from funland_worker.training.shape import read_shape
from tests.worker.training.models import FAMILIES, Family, tiny, write
from tools.bench.trains import Trains, job, trains

EMBEDDED = embedded_model().path
WITHIN = 1.15
"""By what factor a process may have taken more or less than was estimated."""
LARGER = Family(
    "qwen3", key_value_heads=4, head_size=64, head_norms=True, layers=8, width=512, heads=8,
    feed_forward=1536,
)  # fmt: skip


def _told(**settings: Any) -> Hyperparameters:
    chosen = Settings(**settings)
    return Hyperparameters(**{one.name: getattr(chosen, one.name) for one in fields(Settings)})


@pytest.mark.parametrize(
    ("rows", "settings", "steps", "tokens"),
    [
        (10, {"epochs": 2, "batch_size": 4}, 6, 200),
        (10, {"epochs": 2, "batch_size": 4, "evaluation_ratio": 0.2}, 4, 160),
        (10, {"epochs": 2, "batch_size": 4, "max_steps": 1}, 1, 40),
        (1, {"epochs": 3, "batch_size": 4, "evaluation_ratio": 0.5}, 3, 30),
        (0, {"epochs": 3}, 0, 0),
    ],
)
def test_steps_and_tokens(rows: int, settings: dict[str, Any], steps: int, tokens: int) -> None:
    told = _told(**settings)

    assert estimating.steps(rows, told) == steps
    assert estimating.tokens(10 * rows, rows, told) == tokens


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.3, 0.5])
def test_the_worker_keeps_as_many_rows_out_and_takes_as_many_steps(ratio: float) -> None:
    for rows in (1, 2, 7, 100):
        out = plan.kept_out(rows, ratio, seed=1)
        told = _told(evaluation_ratio=ratio)
        assert estimating.kept_out(rows, ratio) == len(out)
        assert estimating.steps(rows, told) == plan.total_steps(rows - len(out), 8, 3, 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_worker_trains_as_many_parameters(tmp_path: Path, family: str) -> None:
    path = write(tmp_path / "model.gguf", tiny(FAMILIES[family]), EMBEDDED)

    told = estimating.trained_parameters(network(read_contents(path)), 5)

    assert told == layout(read_shape(GgufSource(path)), 5).size


def test_the_worker_computes_and_keeps_as_much_at_once_as_is_estimated() -> None:
    # The two never import each other, so the figures stand on both sides.
    told = vars(estimating)

    assert told["_PASS_TOKENS"] == plan.MOST_TOKENS
    assert told["_KEPT_BYTES"] == worker_network.KEPT_BYTES
    assert told["_LOGITS"] == head.PIECE_NUMBERS
    assert told["_PROBABILITIES_BYTES"] == attention.PIECE_BYTES


@pytest.mark.parametrize("larger", [False, True])
@pytest.mark.parametrize("length", [30, 600])
async def test_a_worker_takes_what_is_estimated(tmp_path: Path, larger: bool, length: int) -> None:
    path = EMBEDDED
    if larger:
        path = write(tmp_path / "model.gguf", tiny(LARGER, vocabulary=4096), EMBEDDED)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(('{"text": "' + "x " * length + '"}\n') * 2)
    settings: dict[str, Any] = {"max_steps": 1, "batch_size": 2, "max_tokens": 1024}
    async with trains(tmp_path, path) as worker:
        assert isinstance(worker, Trains)
        told = await worker.run(job(tmp_path, rows, 2, **settings))
    assert told.begun is not None
    longest = told.begun.tokens // 2

    estimate = estimating.memory_bytes(network(read_contents(path)), _told(**settings), longest)

    assert told.result is not None
    peak = told.result.peak_memory_bytes
    assert estimate / WITHIN < peak < estimate * WITHIN, (estimate / 1e6, peak / 1e6)
