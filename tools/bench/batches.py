"""What a batch gets of the engine's own rate: `make bench-batch`.

Each round answers the same short prompts twice, in turns: by the engine alone, stepped in this
process with as many texts at a time as a batch has, and as the lines of a batch by the service.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

import grpc
import orjson

from funland.v1.batches_pb2 import Batch, CreateBatchRequest, WatchBatchRequest
from funland.v1.batches_pb2_grpc import BatchServiceStub
from funland.v1.files_pb2 import UploadFileRequest
from funland.v1.files_pb2_grpc import FileServiceStub
from funland_worker.engines.protocol import Engine, Prompt, Sampling
from tools.bench.engine_loop import open_engine
from tools.bench.installing import install
from tools.bench.noise import Load, machine, wait_for_quiet
from tools.bench.prompts import chat_prompt, messages
from tools.bench.services import funland
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 1024
_STREAMS = 16
_GOAL = 0.95
_CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Round:
    """Tokens a second, and how many cores others took meanwhile."""

    engine: float
    batch: float
    engine_others: float
    batch_others: float

    @property
    def ratio(self) -> float:
        """What the batch gets of the engine's rate."""
        return self.batch / self.engine


def engine_seconds(engine: Engine, words: Sequence[str], tokens: int) -> float:
    """How long an engine takes that always has as many texts as a batch has streams."""
    sampling = Sampling(temperature=0.0, max_tokens=tokens, ignore_end=True)
    waiting = list(enumerate(words))[::-1]
    left: dict[int, int] = {}
    begin = perf_counter()
    while waiting or left:
        while waiting and len(left) < _STREAMS:
            number, text = waiting.pop()
            prompt = engine.vocabulary.tokenize(
                chat_prompt(text), add_special=True, parse_special=True
            )
            engine.submit(Prompt(number, prompt, sampling, monotonic()))
            left[number] = tokens
        for advance in engine.step().advances:
            left[advance.sequence_id] -= advance.tokens
            if left[advance.sequence_id] <= 0:
                del left[advance.sequence_id]
    return perf_counter() - begin


def batch_seconds(channel: grpc.Channel, model: str, words: Sequence[str], tokens: int) -> float:
    """How long the service takes, from a batch's first line to its last."""
    lines = [
        orjson.dumps(
            {
                "custom_id": str(number),
                "method": "POST",
                "url": _CHAT,
                "body": {
                    "model": model,
                    "messages": [{"role": "user", "content": text}],
                    "max_tokens": tokens,
                    "temperature": 0,
                    "ignore_eos": True,
                },
            }
        )
        for number, text in enumerate(words)
    ]
    files: Any = FileServiceStub(channel)
    batches: Any = BatchServiceStub(channel)
    upload = UploadFileRequest(name="lines.jsonl", purpose="batch", data=b"\n".join(lines))
    file = files.UploadFile(iter([upload]))
    created = batches.CreateBatch(
        CreateBatchRequest(input_file_id=file.file_id, endpoint=_CHAT), timeout=60
    )
    *_, last = batches.WatchBatch(WatchBatchRequest(batch_id=created.batch_id))
    if (last.state, last.completed_lines) != (Batch.COMPLETED, len(words)):
        raise RuntimeError(f"The batch ended otherwise: {last}")
    if last.completion_tokens != tokens * len(words):
        raise RuntimeError(f"{last.completion_tokens} tokens were made.")
    return (last.finalize_time.ToNanoseconds() - last.begin_time.ToNanoseconds()) / 1e9


def main() -> None:
    """Measures, prints a line a round and writes them."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    path = make(options.out, options.shape).resolve()
    told = messages(SHAPES[options.shape].vocabulary, options.prompt, 1)
    print(" ".join(f"{name}={value}" for name, value in machine().items()))
    print("engine tok/s  batch tok/s  ratio  others' cores")
    rounds: list[Round] = []
    settings = {"SERVER__LOG_LEVEL": "warning", "SERVER__THREADS": options.threads}
    settings["SERVER__BATCH_STREAMS"] = _STREAMS
    with tempfile.TemporaryDirectory() as home, funland(Path(home), **settings) as service:
        model = install(service, path, slots=_STREAMS, context_length=_CONTEXT)
        with grpc.insecure_channel(service.grpc) as channel:

            def batch_of(words: Sequence[str]) -> float:
                return batch_seconds(channel, model, words, options.tokens)

            batch_of(list(islice(told, _STREAMS)))
            for number in range(options.rounds):
                words = list(islice(told, options.lines))
                rounds.append(_round(batch_of, path, words, options, number))
                one = rounds[-1]
                print(
                    f"{one.engine:>12.1f}{one.batch:>13.1f}{one.ratio:>7.3f}"
                    f"{one.engine_others:>8.2f}{one.batch_others:>6.2f}",
                    flush=True,
                )
    ratio = median(one.ratio for one in rounds)
    print(f"median ratio {ratio:.3f}, goal {_GOAL}: {'met' if ratio >= _GOAL else 'MISSED'}")
    found = {"machine": machine(), "shape": options.shape, "lines": options.lines}
    found |= {"tokens": options.tokens, "rounds": [asdict(one) for one in rounds]}
    (options.out / "batches.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _round(
    batch_of: Callable[[Sequence[str]], float],
    path: Path,
    words: Sequence[str],
    options: argparse.Namespace,
    number: int,
) -> Round:
    total = options.tokens * len(words)

    def engine() -> tuple[float, float]:
        opened = open_engine(
            options.engine, path, context_length=_CONTEXT, slots=_STREAMS, threads=options.threads
        )
        engine_seconds(opened, words[:_STREAMS], 1)
        load = Load.now()
        return total / engine_seconds(opened, words, options.tokens), Load.now().others_since(load)

    def batch() -> tuple[float, float]:
        load = Load.now()
        rate = total / batch_of(words)
        return rate, Load.now().others_since(load)

    results: dict[str, tuple[float, float]] = {}
    steps = [("engine", engine), ("batch", batch)]
    for name, step in steps[number % 2 :] + steps[: number % 2]:
        wait_for_quiet(options.patience)
        sleep(0.1)
        results[name] = step()
    (engine_rate, engine_others), (batch_rate, batch_others) = results["engine"], results["batch"]
    return Round(engine_rate, batch_rate, round(engine_others, 2), round(batch_others, 2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="0.5b", choices=sorted(SHAPES))
    parser.add_argument("--engine", default="llama.cpp")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=48, help="tokens of each line")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=5.0, help="seconds to wait for quiet")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
