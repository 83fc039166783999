"""Tokens that training computes in a second of one core: in a worker, in the bare loop of the same
network, and with torch and PEFT where an environment has them.

`python -m tools.bench.training [--rounds 3] [--torch-python PYTHON]`. It counts the CPU's time, not
the clock's, and takes turns, since no machine is quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import psutil

from funland_worker.engines.gguf_source import GgufSource
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.training import machine, plan
from funland_worker.training.examples import Example, batch
from funland_worker.training.layout import layout
from funland_worker.training.optimizer import AdamW, clip
from funland_worker.training.rows import read_rows
from funland_worker.training.settings import Settings
from funland_worker.training.shape import Shape, read_shape
from funland_worker.training.teaching import Teacher
from funland_worker.training.weights import read_network
from tools.bench.trains import Trains, job, trains

MODEL: Final = Path(
    str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf")
)
ROWS: Final = 160
WORDS: Final = ("the", "a", "little", "fox", "found", "key", "river", "lamp", "house", "green")
SETTINGS: Final[dict[str, Any]] = {"epochs": 1, "checkpoint_steps": 1000, "threads": 1}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch-python", help="the Python of an environment with torch and peft")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), arguments.rounds, arguments.torch_python))


async def _measure(folder: Path, rounds: int, torch_python: str | None) -> None:
    rows = folder / "rows.jsonl"
    _write_rows(rows)
    examples = await _examples(rows)
    shape = read_shape(GgufSource(MODEL))
    steps = _steps(examples)
    torch_batches = folder / "batches.json"
    torch_batches.write_text(json.dumps(_for_torch(shape, examples, steps)))
    rates: dict[str, list[float]] = {"worker": [], "bare loop": [], "torch and peft": []}
    for number in range(rounds):
        rates["worker"].append(await _in_worker(folder / str(number), rows, examples, steps))
        rates["bare loop"].append(await asyncio.to_thread(_bare, shape, examples, steps))
        if torch_python:
            rates["torch and peft"].append(_with_torch(torch_python, torch_batches))
    print(f"{len(steps)} steps of {sum(len(one.tokens) for one in examples)} tokens, one core")
    for name, told in rates.items():
        if told:
            against = median(
                mine / theirs for mine, theirs in zip(rates["worker"], told, strict=True)
            )
            print(f"{name:16}{median(told):8.0f} tokens/s   worker is {against:.2f} of it")


def _write_rows(path: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    with path.open("w") as file:
        for _ in range(ROWS):
            asked, answer = (
                " ".join(chance.choices(WORDS, k=chance.randint(10, 60))) for _ in "ab"
            )
            messages = [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answer},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")


async def _examples(rows: Path) -> list[Example]:
    library.start()
    facts = GgufFile(MODEL, weights=False).facts
    renderer = TemplateRenderer(
        facts.chat_template or "", begin_mark=facts.begin_mark, end_mark=facts.end_mark
    )
    teacher = Teacher(facts, renderer)
    examples = [one for _, row in read_rows(rows) for one in await teacher.examples(row)]
    await renderer.close()
    return examples


def _steps(examples: Sequence[Example]) -> list[list[int]]:
    lengths = [len(one.tokens) for one in examples]
    return plan.batches(lengths, Settings().batch_size, seed=0, epoch=0)


def _tokens(examples: Sequence[Example], steps: Sequence[Sequence[int]]) -> int:
    """Of all steps but the first, which is not measured."""
    return sum(len(examples[row].tokens) for rows in steps[1:] for row in rows)


async def _in_worker(
    folder: Path, rows: Path, examples: Sequence[Example], steps: Sequence[Sequence[int]]
) -> float:
    await asyncio.to_thread(folder.mkdir)
    async with trains(folder, MODEL) as worker:
        assert isinstance(worker, Trains)  # noqa: S101 - the model can be trained
        process = psutil.Process(worker.process.pid)
        began = 0.0
        events = worker.call(job(folder, rows, ROWS, **SETTINGS))
        async for event in events:
            if event.WhichOneof("event") == "trained":
                if event.trained.step == 1:
                    began = _cpu_seconds(process)
                elif event.trained.step == len(steps):
                    return _tokens(examples, steps) / (_cpu_seconds(process) - began)
            elif event.WhichOneof("event") == "failure":
                raise RuntimeError(event.failure.message)
    raise RuntimeError("the run ended early")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _bare(shape: Shape, examples: Sequence[Example], steps: Sequence[Sequence[int]]) -> float:
    """No worker, no events, no files: the passes and the optimizer."""
    machine.keep_freed_memory()
    machine.set_threads(1)
    settings = Settings()
    where = layout(shape, settings.rank)
    network = read_network(GgufSource(MODEL), shape, where, alpha=settings.alpha, positions=1024)
    numbers = where.begin(0)
    gradients = np.zeros_like(numbers)
    network.bind(numbers, gradients)
    optimizer = AdamW(np.zeros_like(numbers), np.zeros_like(numbers))
    lengths = [len(one.tokens) for one in examples]
    began = 0.0
    for step, rows in enumerate(steps, start=1):
        answers = sum(examples[row].answers for row in rows)
        gradients[:] = 0
        for together in plan.passes(rows, lengths):
            network.learn(batch([examples[row] for row in together]), 1 / answers, lambda: None)
        clip(gradients, 1.0)
        optimizer.step(numbers, gradients, step=step, rate=1e-3, decay=0.0)
        network.take(numbers)
        if step == 1:
            began = time.thread_time()
    return _tokens(examples, steps) / (time.thread_time() - began)


def _for_torch(
    shape: Shape, examples: Sequence[Example], steps: Sequence[Sequence[int]]
) -> dict[str, Any]:
    batches: list[dict[str, Any]] = []
    for rows in steps:
        tokens = batch([examples[row] for row in rows]).tokens
        labels = np.full(tokens.shape, -100)
        for at, row in enumerate(rows):
            learnt = examples[row].learnt
            labels[at, : len(learnt)][learnt] = examples[row].tokens[learnt]
        batches.append({"tokens": tokens.tolist(), "labels": labels.tolist()})
    return {
        "rank": Settings().rank,
        "alpha": Settings().alpha,
        "tokens": _tokens(examples, steps),
        "batches": batches,
        "config": {
            "hidden_size": shape.width,
            "intermediate_size": shape.feed_forward,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_value_heads,
            "vocab_size": 4096,
            "tie_word_embeddings": True,
        },
    }


def _with_torch(python: str, batches: Path) -> float:
    script = Path(__file__).with_name("training_torch.py")
    done = subprocess.run(
        [python, "-W", "ignore", str(script), str(batches)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
