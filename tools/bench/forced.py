"""What it saves that tokens which a form leaves no choice of are not chosen one by one:
`python -m tools.bench.forced`.

The engine writes the agents' calls of `make bench-workloads` by their schema, so many at once, and
the same with likelihoods told, for which each token has a pass of its own. Telling them takes a
little too: some tenths of a millisecond a token.
"""

from __future__ import annotations

import argparse
import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic
from typing import NamedTuple

import numpy as np
import orjson
import psutil

from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.constraints.constraint import Constraint
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Matcher, Prompt, Sampling
from tools.bench.synthetic_model import SHAPES, make
from tools.bench.workloads.description import TRACES

_SLOTS, _PROMPT, _MOST = 16, 40, 128
_AT_ONCE = (1, 2, 4, 8, 16)


class Written(NamedTuple):
    """What so many texts at once took."""

    seconds: float
    tokens: int
    passes: int


def write(
    engine: LlamaEngine, count: int, make: Callable[[], Matcher], told: int | None
) -> Written:
    """Writes texts at once; from the first token that is written on its time is taken."""
    random = np.random.default_rng(count)
    for number in range(count):
        prompt = random.integers(1000, 100_000, _PROMPT).tolist()
        sampling = Sampling(temperature=0, max_tokens=_MOST)
        engine.submit(
            Prompt(number, prompt, sampling, monotonic(), matcher=make(), top_logprobs=told)
        )
    begin: float | None = None
    tokens = passes = 0
    while not engine.idle:
        report = engine.step()
        if begin is None:
            begin = None if report.prompt_tokens else monotonic()
            continue
        passes += 1
        tokens += sum(advance.tokens for advance in report.advances)
    return Written(monotonic() - (begin or monotonic()), tokens, passes)


async def measure(model: LlamaModel, threads: int, rounds: int) -> None:
    """Prints a line for each number of texts."""
    engine = LlamaEngine(model, 2048, _SLOTS, threads)
    agents = tomllib.loads((TRACES / "agent.toml").read_text(encoding="utf-8"))["groups"][0]
    schema = orjson.dumps(agents["answer_schema"]).decode()
    make_matcher = await ConstraintCompiler(engine).compile(Constraint("json_schema", schema))
    for count in _AT_ONCE:
        pairs = [
            (write(engine, count, make_matcher, None), write(engine, count, make_matcher, 0))
            for _ in range(rounds)
        ]
        ours, each = ([pair[side] for pair in pairs] for side in (0, 1))
        per_token = [
            median(1e3 * one.seconds / max(1, one.tokens) for one in side) for side in (ours, each)
        ]
        print(
            f"{count} at once: {ours[0].tokens} tokens in {ours[0].passes} passes,"
            f" {per_token[0]:.1f} ms a token; each chosen: {each[0].tokens} in {each[0].passes},"
            f" {per_token[1]:.1f} ms; ratio {per_token[1] / per_token[0]:.2f}",
            flush=True,
        )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.forced", description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="of the model")
    arguments = parser.parse_args()
    library.start()
    model = LlamaModel(make(arguments.out, arguments.shape).resolve())
    asyncio.run(measure(model, arguments.threads, arguments.rounds))


if __name__ == "__main__":
    main()
