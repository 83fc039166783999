"""A worker's process that trains with PyTorch, and what becomes of it when it is disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import TrainAdapter
from tests.worker.training.lessons import taught, write_rows
from tests.worker.training.reference import reference
from tools.bench.trains import Told, Trains, by_torch, job, trains

pytest.importorskip("torch")

METHODS = {"full": TrainAdapter.FULL, "qlora": TrainAdapter.QLORA, "lora": TrainAdapter.LORA}
SHORT = {"batch_size": 6, "rank": 4, "evaluation_ratio": 0.2, "evaluation_steps": 3}


@pytest.mark.parametrize("method", METHODS)
async def test_killed_it_goes_on_to_the_same_curve(
    tmp_path: Path, model_path: Path, method: str
) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    undisturbed.mkdir()
    disturbed.mkdir()
    settings = {**SHORT, "max_steps": 6, "checkpoint_steps": 2}

    def run(folder: Path) -> TrainAdapter:
        return by_torch(job(folder, rows, count, **settings), METHODS[method])

    async with trains(undisturbed, model_path) as worker:
        assert isinstance(worker, Trains)
        wanted = await worker.run(run(undisturbed))
    assert wanted.failure is None, wanted.failure
    curve: dict[int, tuple[float, float]] = {}
    begun: list[int] = []

    for kill_at in (3, None):
        async with trains(disturbed, model_path) as worker:
            assert isinstance(worker, Trains)
            told = Told()
            async for event in worker.call(run(disturbed)):
                told.take(event)
                if kill_at is not None and told.steps and told.steps[-1].step == kill_at:
                    worker.process.kill()
                    break
        assert told.begun is not None
        begun.append(told.begun.step)
        curve |= {one.step: (one.loss, one.evaluation_loss) for one in told.steps}

    assert told.result is not None
    assert told.result.finished
    assert begun[0] == 0 < begun[1]
    assert len(curve) == 6
    assert curve == {one.step: (one.loss, one.evaluation_loss) for one in wanted.steps}
    results = [(folder / "adapter.gguf").read_bytes() for folder in (undisturbed, disturbed)]
    assert results[0] == results[1]


async def test_a_model_that_was_taught_answers_through_llama_cpp(
    tmp_path: Path, model_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    settings = {"epochs": 5, "learning_rate": 1e-3, "warmup_ratio": 0.1}

    async with trains(tmp_path, model_path) as worker:
        assert isinstance(worker, Trains)
        run = job(tmp_path, rows, count, **settings)
        told = await worker.run(by_torch(run, TrainAdapter.FULL))

    assert told.result is not None
    assert told.result.finished
    assert told.begun is not None
    assert told.begun.trained_parameters > 6e6
    assert told.result.best_loss < 0.1 * told.result.initial_loss
    asked = taught()[::6]
    with reference(tmp_path / "adapter.gguf") as model:
        vocabulary, knows = model.model.vocabulary, 0
        for question, answer in asked:
            prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
            tokens = vocabulary.tokenize(prompt, add_special=True, parse_special=True)
            written = b"".join(map(vocabulary.piece, model.greedy(tokens, 40))).decode()
            knows += written == answer
    assert knows > 0.9 * len(asked)


async def test_it_needs_more_memory_than_it_may_have_and_says_so(
    tmp_path: Path, model_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "' + "x " * 20000 + '"}\n')
    async with trains(tmp_path, model_path, memory_limit_bytes=1200 * 1024**2) as worker:
        assert isinstance(worker, Trains)
        run = job(tmp_path, rows, 1, max_tokens=20000)
        told = await worker.run(by_torch(run, TrainAdapter.FULL))

    assert told.failure is not None
    assert told.failure.reason == ErrorReason.TRAINING_TOO_LARGE


async def test_a_gpu_that_pytorch_does_not_find_is_named(tmp_path: Path, model_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "Hello there."}\n')
    uuid = "GPU-00000000-0000-0000-0000-000000000000"

    async with trains(tmp_path, model_path) as worker:
        assert isinstance(worker, Trains)
        told = await worker.run(by_torch(job(tmp_path, rows, 1), TrainAdapter.LORA, uuid))

    assert told.failure is not None
    assert told.failure.reason == ErrorReason.TRAINING_UNSUPPORTED
    assert uuid in told.failure.message
