"""What chats of a model with a state cost whose answers are written otherwise when they are sent
back, beside another checkout of Funland: `make bench-checkpoints`.

The engines compute the same chats in turns, each in a process of its own (`turns_probe.py`). One
chat tells how long the second turn's first token takes beside that of its first, eight at once on
one system message what they take together.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any

import orjson
import psutil

from funland_server.workers.launch import ENVIRONMENT
from tools.bench.services import read_line, running
from tools.bench.synthetic_model import SHAPES, make

_ROOT = Path(__file__).parents[2]
_PARTS = ("proto/gen", "server", "gateway", "clients/python", "clients/cli")
_SECONDS = 3600
_SLOTS = 32
_ONE = {"chats": 1, "turns": 2, "system": 400, "message": 40, "answer": 8}
_EIGHT = {"chats": 8, "turns": 5, "system": 200, "message": 40, "answer": 16}
_SECOND_DEMANDED, _TOTAL_DEMANDED = 0.2, 2.0


def line(name: str, one: list[dict[str, Any]], eight: list[dict[str, Any]]) -> str:
    """A build's figures for people."""
    ratios = [held["firsts"][1][0] / held["firsts"][0][0] for held in one]
    met = "met" if median(ratios) <= _SECOND_DEMANDED else "NOT MET"
    return (
        f"{name}: second turn's first token / first turn's: {median(ratios):.3f}"
        f" (<= {_SECOND_DEMANDED}  {met}); eight chats of five turns:"
        f" {median(held['computed'] for held in eight)} tokens of prompts computed,"
        f" {median(held['processor'] for held in eight):.1f} s of the processor,"
        f" {median(held['passed'] for held in eight):.1f} s passed"
    )


@contextmanager
def _build(root: Path, told: Mapping[str, Any], log: Path) -> Generator[Popen[bytes]]:
    paths = os.pathsep.join(str(root.resolve() / part) for part in _PARTS)
    command = [sys.executable, str(Path(__file__).with_name("turns_probe.py"))]
    with running(command, log, {**ENVIRONMENT, "PYTHONPATH": paths}) as process:
        _ask(process, told)
        yield process


def _ask(process: Popen[bytes], question: Mapping[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None  # noqa: S101 - it is a PIPE
    process.stdin.write(orjson.dumps(question) + b"\n")
    process.stdin.flush()
    answer = read_line(process, _SECONDS)
    if not answer:
        raise RuntimeError("a probe has ended; checkpoints.log has its last words")
    return orjson.loads(answer)


def main() -> None:
    """Measures, and prints a line a build."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.checkpoints", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout of Funland")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="hybrid")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False))
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="model and log")
    arguments = parser.parse_args()
    model = make(arguments.out, arguments.shape).resolve()
    roots = {"this": _ROOT} | ({"before": arguments.against} if arguments.against else {})
    told = {"model": str(model), "threads": arguments.threads, "slots": _SLOTS}
    log = arguments.out / "checkpoints.log"
    found: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
        name: ([], []) for name in roots
    }
    with ExitStack() as started:
        builds = {
            name: started.enter_context(_build(root, told, log)) for name, root in roots.items()
        }
        for seed in range(arguments.rounds):
            for name, process in builds.items():
                one, eight = found[name]
                one.append(_ask(process, {**_ONE, "seed": 2 * seed}))
                eight.append(_ask(process, {**_EIGHT, "seed": 2 * seed + 1}))
    for name, (one, eight) in found.items():
        print(line(name, one, eight))
    if arguments.against:
        totals = [median(held["processor"] for held in found[name][1]) for name in roots]
        met = "met" if totals[1] / totals[0] >= _TOTAL_DEMANDED else "NOT MET"
        print(f"before / this: {totals[1] / totals[0]:.2f} (>= {_TOTAL_DEMANDED}  {met})")


if __name__ == "__main__":
    main()
