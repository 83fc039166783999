"""Shows what a worker on another machine costs over one on the server's: `make bench-cluster`.

One model is in two workers: one started as usual, one as on another machine, next door: over TLS
and TCP. They write in turns, with the same prompts and the same number of streams, and each round
compares the two.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from time import monotonic

import orjson
import psutil

from funland.v1.inference_pb2 import SamplingParameters
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Submit
from funland_server.workers.launch import launch
from funland_server.workers.process import WorkerProcess
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.worker import Worker
from tools.bench.next_door import NextDoor
from tools.bench.prompts import chat_prompt, messages
from tools.bench.synthetic_model import SHAPES, make

_LOAD_SECONDS = 300.0
_DEMANDED = 0.95
_PROMPT_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Result:
    """Tokens a second of all streams, by round, and processor seconds of this process."""

    remote: list[float] = field(default_factory=list[float])
    local: list[float] = field(default_factory=list[float])
    remote_seconds: list[float] = field(default_factory=list[float])
    local_seconds: list[float] = field(default_factory=list[float])

    @property
    def ratio(self) -> float:
        """Remote against local: the median of the rounds."""
        return median(a / b for a, b in zip(self.remote, self.local, strict=True))

    def text(self, streams: int) -> str:
        """The lines for people."""
        met = "met" if self.ratio >= _DEMANDED else "NOT MET"
        rounds = ", ".join(f"{a:.1f}/{b:.1f}" for a, b in zip(self.remote, self.local, strict=True))
        seconds = f"{median(self.remote_seconds):.2f} s, and {median(self.local_seconds):.2f} s"
        return (
            f"{streams} streams: {self.ratio:.3f} of a local worker's throughput"
            f" (>= {_DEMANDED}  {met})\n"
            f"  tokens/s by round, remote/local: {rounds}\n"
            f"  the server's processor time a round: {seconds}"
        )


async def write(worker: Worker, prompts: list[str], tokens: int) -> tuple[float, float]:
    """Tokens a second of all streams together, from the first call to the last text, and the
    processor time of this process."""
    before, begin = psutil.Process().cpu_times(), monotonic()
    written = sum(await asyncio.gather(*(_read(worker, prompt, tokens) for prompt in prompts)))
    seconds, after = monotonic() - begin, psutil.Process().cpu_times()
    used = after.user + after.system - before.user - before.system
    return written / seconds, used


async def _read(worker: Worker, prompt: str, tokens: int) -> int:
    sampling = SamplingParameters(max_tokens=tokens, temperature=0, ignore_end=True)
    with worker.sequence(Submit(prompt=prompt, sampling=sampling)) as sequence:
        written = 0
        while sequence.open_texts:
            written += (await sequence.take()).tokens
    return written


async def run(model: Path, vocabulary: int, arguments: argparse.Namespace) -> Result:
    """Has both write in turns, the first of a round in turns too."""
    settings = LoadSettings(slots=arguments.streams, context_length=1024)
    result = Result()
    prompts = messages(vocabulary, _PROMPT_TOKENS, 0)
    with tempfile.TemporaryDirectory(prefix="funland-cluster-") as folder:
        next_door = NextDoor(Path(folder))
        local = _worker(await launch(WorkerSpec("m", model, settings, 1024), _LOAD_SECONDS))
        spec = WorkerSpec("m", model, settings, 1024, node_id="next-door")
        remote = _worker(await next_door.launch(spec, _LOAD_SECONDS))
        try:
            for number in range(-1, arguments.rounds):
                texts = [chat_prompt(one) for one in islice(prompts, arguments.streams)]
                order = (remote, local) if number % 2 else (local, remote)
                for worker in order:
                    rate, used = await write(worker, texts, arguments.tokens)
                    if number < 0:  # the first round warms up
                        continue
                    (result.remote if worker is remote else result.local).append(rate)
                    told = result.remote_seconds if worker is remote else result.local_seconds
                    told.append(used)
        finally:
            await remote.end()
            await local.end()
    return result


def _worker(process: WorkerProcess) -> Worker:
    return Worker("m", process, lambda step, tokens: None, 0)


def main() -> None:
    """Measures, prints and writes what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.cluster", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="of cluster.json")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="0.5b")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = make(arguments.cache, arguments.shape).resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    result = asyncio.run(run(model, SHAPES[arguments.shape].vocabulary, arguments))
    print(result.text(arguments.streams))
    document = {**asdict(result), "ratio": result.ratio}
    path = arguments.out / "cluster.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
