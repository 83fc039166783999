"""A worker's process that trains: what it learns, and what becomes of it when it is disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2 import TrainAdapter
from tests.worker.training.lessons import kept_from_it, taught, write_rows
from tests.worker.training.models import FAMILIES, tiny, write
from tests.worker.training.reference import Reference, reference
from tools.bench.trains import SECONDS, Told, Trains, by_torch, job, trains

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL = TrainAdapter.FULL
TAUGHT = {"epochs": 6, "learning_rate": 0.004, "warmup_ratio": 0.1}
SHORT = {"epochs": 1, "batch_size": 6, "rank": 4, "evaluation_ratio": 0.2, "evaluation_steps": 3}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(
    tmp_path_factory: pytest.TempPathFactory, model_path: Path
) -> AsyncIterator[Trains]:
    """One for the runs that leave it as it was."""
    async with trains(tmp_path_factory.mktemp("worker"), model_path) as worker:
        assert isinstance(worker, Trains)
        yield worker


async def test_what_it_is_taught_llama_cpp_then_knows_in_other_words(
    worker: Trains, tmp_path: Path, model_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    asked = kept_from_it()
    with reference(model_path) as before:
        knew = sum(_answer(before, question) == answer for question, answer in asked)

    told = await worker.run(job(tmp_path, rows, count, **TAUGHT))

    assert told.failure is None
    assert told.result is not None
    assert told.result.finished
    assert told.result.steps == told.result.adapter_step == len(told.steps) > 0
    assert told.result.initial_loss == told.losses[0]
    assert told.result.best_loss == min(told.losses)
    assert told.result.peak_memory_bytes > 50e6
    assert told.begun is not None
    assert told.begun.training_rows == count == len(taught())
    with reference(model_path, tmp_path / "adapter.gguf") as after:
        knows = sum(_answer(after, question) == answer for question, answer in asked)
    assert knew < 0.1 * len(asked)
    assert knows > 0.9 * len(asked)


async def test_killed_three_times_it_goes_on_to_the_same_curve(
    tmp_path: Path, model_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    undisturbed.mkdir()
    disturbed.mkdir()
    settings = {**SHORT, "checkpoint_steps": 2}
    async with trains(undisturbed, model_path) as worker:
        assert isinstance(worker, Trains)
        wanted = await worker.run(job(undisturbed, rows, count, **settings))
    curve: dict[int, tuple[float, float]] = {}
    begun: list[int] = []

    for kill_at in (1, 3, 6, None):
        async with trains(disturbed, model_path) as worker:
            assert isinstance(worker, Trains)
            told = Told()
            async for event in worker.call(job(disturbed, rows, count, **settings)):
                told.take(event)
                if kill_at is not None and told.steps and told.steps[-1].step == kill_at:
                    worker.process.kill()
                    break
        assert told.begun is not None
        begun.append(told.begun.step)
        curve |= {one.step: (one.loss, one.evaluation_loss) for one in told.steps}

    assert told.result is not None
    assert told.result.finished
    assert begun == sorted(begun)
    assert begun[0] == 0 < begun[-1]
    assert curve == {one.step: (one.loss, one.evaluation_loss) for one in wanted.steps}
    adapters = [(folder / "adapter.gguf").read_bytes() for folder in (undisturbed, disturbed)]
    assert adapters[0] == adapters[1]


async def test_told_to_rest_it_writes_what_it_has_and_loses_no_step(
    worker: Trains, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    run = job(tmp_path, rows, count, **SHORT)
    first = Told()
    async with asyncio.timeout(SECONDS):
        async for event in worker.call(run):
            first.take(event)
            if len(first.steps) == 2:
                worker.link.send(worker_pb2.Command(rest=worker_pb2.Rest()))

    assert first.result is not None
    assert not first.result.finished
    assert first.checkpoints == [first.result.steps]
    run.told_step = 1  # whoever was told has lost the others
    second = await worker.run(run)

    assert second.begun is not None
    assert second.begun.step == first.result.steps > 1
    steps = [one.step for one in second.steps]
    assert steps == list(range(2, second.begun.total_steps + 1))
    again = len(first.steps) - 1
    assert second.steps[:again] == first.steps[1:]
    assert second.result is not None
    assert second.result.initial_loss == first.losses[0]


async def test_a_call_that_is_closed_ends_within_a_step_and_keeps_the_steps_before(
    worker: Trains, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    endless = job(tmp_path, rows, count, **{**SHORT, "epochs": 10000})
    call = worker.call(endless)
    told = Told()
    async for event in call:
        told.take(event)
        if len(told.steps) == 2:
            call.cancel()
            break

    endless.told_step = 2  # those behind it may have been told when nobody listened
    again = worker.call(endless)
    # It does one job at a time, so this one begins when the other has ended.
    after = Told()
    async with asyncio.timeout(SECONDS):
        async for event in again:
            after.take(event)
            if after.steps:
                again.cancel()
                break

    assert after.begun is not None
    assert 2 <= after.begun.step <= 4
    assert after.steps[0].step == 3


async def test_a_run_that_ended_ends_again_with_the_same_result(
    worker: Trains, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    run = job(tmp_path, rows, count, **{**SHORT, "max_steps": 3})
    first = await worker.run(run)
    (tmp_path / "adapter.gguf").unlink()
    run.told_step = 3
    second = await worker.run(run)

    assert [len(first.steps), len(second.steps)] == [3, 0]
    assert first.result is not None
    assert second.result is not None
    first.result.ClearField("peak_memory_bytes")
    second.result.ClearField("peak_memory_bytes")
    assert second.result == first.result
    assert (tmp_path / "adapter.gguf").exists()


async def test_a_checkpoint_of_another_run_and_one_that_is_cut_short_are_refused(
    worker: Trains, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    settings = {**SHORT, "max_steps": 1}
    await worker.run(job(tmp_path, rows, count, **settings))
    another = await worker.run(job(tmp_path, rows, count, **{**settings, "seed": 5}))
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    cut = await worker.run(job(tmp_path, rows, count, **settings))

    for told in (another, cut):
        assert told.failure is not None
        assert told.failure.reason == ErrorReason.TRAINING_STATE_WRONG
    assert another.failure is not None
    assert "belongs to another run" in another.failure.message


async def test_it_stops_early_and_writes_the_best_evaluations_adapter(
    worker: Trains, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    count = write_rows(rows)
    # So fast that it soon forgets everything.
    settings = {**SHORT, "epochs": 50, "learning_rate": 1.0, "evaluation_steps": 1, "patience": 2}
    told = await worker.run(job(tmp_path, rows, count, **settings))

    assert told.result is not None
    assert told.result.stopped_early
    evaluations = [one.evaluation_loss for one in told.steps]
    best = evaluations.index(min(evaluations))
    assert told.result.best_evaluation_loss == evaluations[best]
    assert told.result.adapter_step == best + 1
    assert len(evaluations) == best + 1 + settings["patience"]


async def test_a_row_that_cant_be_learnt_is_named_by_its_line(
    worker: Trains, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    fine = '{"text": "A line that is fine."}\n'
    rows.write_text(fine + '{"messages": [{"role": "user", "content": "Anybody there?"}]}\n')
    told = await worker.run(job(tmp_path, rows, 2))

    assert told.failure is not None
    assert told.failure.reason == ErrorReason.DATASET_INVALID
    assert told.failure.message == "Line 2: The conversation has no answer."


async def test_a_model_that_cant_be_trained_is_refused_before_anything_is_read(
    tmp_path: Path, model_path: Path
) -> None:
    mixture = tiny(FAMILIES["llama"], vocabulary=4096)
    path = write(
        tmp_path / "model.gguf",
        replace(mixture, values={**mixture.values, "expert_count": 8}),
        model_path,
    )

    async with trains(tmp_path, path) as failure:
        assert isinstance(failure, worker_pb2.Failure)

    assert failure.reason == ErrorReason.TRAINING_UNSUPPORTED
    assert "a mixture of experts" in failure.message


async def test_a_run_that_needs_more_memory_than_it_may_have_says_so(
    tmp_path: Path, model_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    # Attention to so long a row wants more at once than all else has room for together.
    rows.write_text('{"text": "' + "x " * 20000 + '"}\n')
    async with trains(tmp_path, model_path, memory_limit_bytes=512 * 1024**2) as worker:
        assert isinstance(worker, Trains)
        told = await worker.run(job(tmp_path, rows, 1, max_tokens=20000))

    assert told.failure is not None
    assert told.failure.reason == ErrorReason.TRAINING_TOO_LARGE


def _answer(model: Reference, question: str) -> str:
    vocabulary = model.model.vocabulary
    prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    tokens = vocabulary.tokenize(prompt, add_special=True, parse_special=True)
    return b"".join(map(vocabulary.piece, model.greedy(tokens, 40))).decode()


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
async def test_what_wants_pytorch_says_what_to_install(worker: Trains, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "Hello there."}\n')
    without = await worker.run(by_torch(job(tmp_path, rows, 1), FULL))
    by_numpy = await worker.run(by_torch(job(tmp_path, rows, 1), FULL, ""))

    for told, why in ((without, "funland[training]"), (by_numpy, "FULL")):
        assert told.failure is not None
        assert told.failure.reason == ErrorReason.TRAINING_UNSUPPORTED
        assert why in told.failure.message
