"""What a run by PyTorch is estimated to take of the memory, and what one takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from funland.v1.training_pb2 import Hyperparameters
from funland.worker.v1.worker_pb2 import TrainAdapter
from funland_server.models.formats.gguf import read_contents
from funland_server.training import torch_memory
from funland_server.training.trainable import network
from funland_worker.training.settings import Settings
from tests.worker.training.models import Family, tiny, write
from tools.bench.trains import Trains, by_torch, job, trains

pytest.importorskip("torch")

METHODS = {"lora": TrainAdapter.LORA, "qlora": TrainAdapter.QLORA, "full": TrainAdapter.FULL}
WITHIN = 1.25
"""By what factor a process may have taken more or less than was estimated."""
LARGER = Family(
    "qwen3", key_value_heads=4, head_size=64, head_norms=True, layers=8, width=512, heads=8,
    feed_forward=1536,
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("larger", "length"), [(False, 600), (True, 30), (True, 600)])
async def test_a_worker_takes_what_is_estimated(
    tmp_path: Path, model_path: Path, method: str, larger: bool, length: int
) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    path = model_path
    if larger:
        path = write(tmp_path / "model.gguf", tiny(LARGER, vocabulary=4096), model_path)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(('{"text": "' + "x " * length + '"}\n') * 2)
    settings: dict[str, Any] = {"max_steps": 1, "batch_size": 2, "max_tokens": 1024}
    async with trains(tmp_path, path) as worker:
        assert isinstance(worker, Trains)
        told = await worker.run(by_torch(job(tmp_path, rows, 2, **settings), METHODS[method]))
    assert told.begun is not None
    longest = told.begun.tokens // 2
    chosen = Settings(**settings)
    hyperparameters = Hyperparameters(
        **{one.name: getattr(chosen, one.name) for one in fields(Settings)}
    )

    estimate = torch_memory.memory_bytes(
        network(read_contents(path)), method, hyperparameters, longest
    )

    assert told.result is not None
    peak = told.result.peak_memory_bytes
    assert estimate / WITHIN < peak < estimate * WITHIN, (estimate / 1e6, peak / 1e6)
