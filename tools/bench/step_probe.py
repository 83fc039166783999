"""The process that measures the steps of one build, which is on PYTHONPATH: `python step_probe.py`.

It is told by lines of JSON on its standard input, and answers with one line each: first the model
(`{"model", "threads"}`), then any number of times what to measure (`{"sampling", "streams",
"tokens"}`). It imports nothing but the engine, so that it runs with any build of it.

llama.cpp computes nothing here: its functions are exchanged for some that do nothing, and its
scores lie in memory. What is left is what the engine's own loop takes.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from itertools import count
from statistics import median
from time import monotonic, perf_counter, process_time, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.llama_cpp import library, loading
from funland_worker.engines.protocol import Engine, Prompt, Sampling

_MOST_STREAMS = 64
_CONTEXT = 512
_LIKELY = 60
_CLOCKS = {"thread": thread_time, "threads": process_time, "passed": perf_counter}

_ids = count()


def scores(size: int) -> NDArray[np.float32]:
    """A row for each stream, as a trained model's: most of the probability is with a few dozen."""
    rows = np.random.default_rng(0).standard_normal((_MOST_STREAMS, size), np.float32)
    for number, row in enumerate(rows):
        likely = np.random.default_rng(number).integers(0, size, _LIKELY)
        row[likely] += np.linspace(6, 14, _LIKELY, dtype=np.float32)
    return rows


def leave_out_llama(rows: NDArray[np.float32]) -> None:
    """From now on passes take no time and give these rows."""
    lib: Any = library.lib
    pointer = ctypes.POINTER(ctypes.c_float)
    places = [row.ctypes.data_as(pointer) for row in rows]

    def nothing(*_: object) -> int:
        return 0

    def first(_: object) -> Any:
        return places[0]

    def one(_: object, row: int) -> Any:
        return places[row % _MOST_STREAMS]

    lib.llama_decode = lib.llama_synchronize = nothing
    lib.llama_get_logits, lib.llama_get_logits_ith = first, one


def measure(engine: Engine, sampling: dict[str, Any], streams: int, tokens: int) -> dict[str, Any]:
    """The median step of texts that all write, in microseconds: processor time of this thread and
    of all, and time that passed; and what was chosen."""
    first = next(_ids)
    numbers = [first, *(next(_ids) for _ in range(streams - 1))]
    for place, number in enumerate(numbers):
        # Of one token each, so that the rows of a pass are those of its scores.
        how = Sampling(**sampling, max_tokens=tokens, ignore_end=True, seed=place)
        engine.submit(Prompt(number, [place], how, monotonic()))
    took: dict[str, list[float]] = {name: [] for name in _CLOCKS}
    texts: dict[int, str] = dict.fromkeys(numbers, "")
    while not engine.idle:
        begin = [clock() for clock in _CLOCKS.values()]
        report = engine.step()
        end = [clock() for clock in _CLOCKS.values()]
        if report.decoded_sequences == streams and not report.prompt_tokens:
            for times, before, after in zip(took.values(), begin, end, strict=True):
                times.append(1e6 * (after - before))
        for advance in report.advances:
            texts[advance.sequence_id] += advance.text
    chosen = hashlib.sha256("\n".join(texts.values()).encode()).hexdigest()
    return {name: median(times) for name, times in took.items()} | {"chosen": chosen}


def main() -> None:
    """Loads the model, then measures what it is told to."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    told = json.loads(sys.stdin.readline())
    settings = LoadSettings(context_length=_CONTEXT, slots=_MOST_STREAMS, threads=told["threads"])
    launch = Launch(
        model_path=told["model"],
        format=Model.GGUF,
        settings=settings,
        max_context_length=_CONTEXT,
        prefix_memory_bytes=512 * 1024**2,
    )
    engine = loading.load(launch).engine
    rows = scores(engine.vocabulary_size)
    leave_out_llama(rows)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(engine, **json.loads(line))), file=answers, flush=True)
    os._exit(0)  # llama.cpp was promised passes that it never made


if __name__ == "__main__":
    main()
