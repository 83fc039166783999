"""Shows what a step of the engine takes beside llama.cpp: `make bench-step`.

llama.cpp is left out (`step_probe.py`). Another checkout of Funland can be measured beside this one
in turns, with this one's packages, and must choose the same tokens: `--against ../before`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any

import orjson
import psutil

from funland_server.workers.launch import ENVIRONMENT
from tools.bench.noise import Load, machine, wait_for_quiet
from tools.bench.services import read_line, running
from tools.bench.synthetic_model import make

_ROOT = Path(__file__).parents[2]
_PARTS = ("proto/gen", "server", "gateway", "clients/python", "clients/cli")
_OPEN_SECONDS = 120
_SECONDS = 60

SAMPLINGS: dict[str, dict[str, float]] = {
    "greedy": {"temperature": 0},
    "defaults": {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
    "temperature 1": {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0},
    "0.8, top_p 0.95": {"temperature": 0.8, "top_k": 0, "top_p": 0.95, "min_p": 0},
}
GOALS = {"greedy": 0.5, "defaults": 0.25, "temperature 1": 0.2}
"""At 32 streams: of what the build took that had numpy alone."""


@dataclass(frozen=True, slots=True)
class Build:
    """A process with a build in it, and what it took in each round."""

    process: Popen[bytes]
    name: str

    def measure(self, sampling: dict[str, float], streams: int, tokens: int) -> dict[str, Any]:
        """See `step_probe.measure`."""
        return _ask(
            self.process, {"sampling": sampling, "streams": streams, "tokens": tokens}, _SECONDS
        )


def main() -> None:
    """Measures, prints a line a figure and writes them."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = make(arguments.out, arguments.shape).resolve()
    roots = {"this": _ROOT} | ({"before": arguments.against} if arguments.against else {})
    found: list[dict[str, Any]] = []
    print(" ".join(f"{name}={value}" for name, value in machine().items()))
    with ExitStack() as started:
        builds = [
            started.enter_context(_build(name, root, model, arguments.threads, arguments.out))
            for name, root in roots.items()
        ]
        for sampling in SAMPLINGS:
            for streams in map(int, arguments.streams.split(",")):
                found.append(_figure(builds, sampling, streams, arguments))
                print(_line(found[-1]), flush=True)
    (arguments.out / "step.json").write_bytes(
        orjson.dumps({"machine": machine(), "figures": found}, option=orjson.OPT_INDENT_2)
    )


def _figure(
    builds: list[Build], sampling: str, streams: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """What each build takes, in turns; of the rounds the quietest and the one in the middle."""
    rounds: dict[str, list[dict[str, Any]]] = {build.name: [] for build in builds}
    load = Load.now()
    for number in range(arguments.rounds):
        if not number:
            wait_for_quiet(arguments.patience)
        for build in builds if number % 2 else builds[::-1]:
            rounds[build.name].append(build.measure(SAMPLINGS[sampling], streams, arguments.tokens))
    chosen = {one["chosen"] for measured in rounds.values() for one in measured}
    if len(chosen) > 1:
        raise SystemExit(f"{sampling}, {streams} streams: the builds chose different tokens")
    return {
        "sampling": sampling,
        "streams": streams,
        "others_cores": round(Load.now().others_since(load), 2),
        "goal": GOALS.get(sampling) if streams == 32 else None,  # noqa: PLR2004 - as above
        "microseconds": {
            name: {
                f"{kind}_{way}": round(choose(one[kind] for one in measured), 1)
                for kind in ("thread", "threads", "passed")
                for way, choose in (("least", min), ("median", median))
            }
            for name, measured in rounds.items()
        },
    }


def _line(figure: Mapping[str, Any]) -> str:
    times = figure["microseconds"]
    line = f"{figure['sampling']:16} {figure['streams']:3}"
    for name, found in times.items():
        line += f"  {name}: {found['thread_least']:6.0f} us of its thread's processor time,"
        line += (
            f" {found['threads_least']:6.0f} of all threads', {found['passed_least']:6.0f} passed"
        )
    if "before" in times:
        ratios = {key: times["this"][key] / value for key, value in times["before"].items()}
        for way in ("least", "median"):
            told = (ratios[f"{kind}_{way}"] for kind in ("thread", "threads", "passed"))
            line += f"  {way}: " + " ".join(f"{ratio:.2f}" for ratio in told)
        if goal := figure["goal"]:
            line += f", wanted {goal:g}"
    return f"{line}; others {figure['others_cores']} cores"


@contextmanager
def _build(name: str, root: Path, model: Path, threads: int, out: Path) -> Generator[Build]:
    paths = os.pathsep.join(str(root.resolve() / part) for part in _PARTS)
    command = [sys.executable, str(Path(__file__).with_name("step_probe.py"))]
    with running(command, out / "step.log", {**ENVIRONMENT, "PYTHONPATH": paths}) as process:
        _ask(process, {"model": str(model), "threads": threads}, _OPEN_SECONDS)
        yield Build(process, name)


def _ask(process: Popen[bytes], question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    assert process.stdin is not None  # noqa: S101 - it is a PIPE
    process.stdin.write(orjson.dumps(question) + b"\n")
    process.stdin.flush()
    answer = read_line(process, seconds)
    if not answer:
        raise RuntimeError("a probe has ended, or takes too long; step.log has its last words")
    return orjson.loads(answer)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.step", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout of Funland")
    parser.add_argument("--streams", default="1,4,8,16,32,64")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=24, help="of each text in a round")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False))
    parser.add_argument("--patience", type=float, default=5, help="seconds to wait for quiet")
    parser.add_argument("--shape", default="draft", help="of the model: it has the vocabulary")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="model, JSON, log")
    return parser.parse_args()


if __name__ == "__main__":
    main()
