"""What `make bench` is told to measure, and how long."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.bench.probe import Measurement, Subject
from tools.bench.synthetic_model import SHAPES, make

CONTEXT = 512
"""How many tokens prompt and answer may have together in each stream."""
_SEEDS = 10_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how long. The programs of others are measured if they are named."""

    model: Path
    vocabulary: int
    streams: list[int]
    rounds: int
    seconds: float
    prompt_tokens: int
    tokens: int
    threads: int
    patience: float
    rows: list[str]
    """These alone; none: all."""
    llama_server: Path | None
    batched_bench: Path | None
    python_server: Path | None
    python_server_python: Path | None
    out: Path
    device_id: str = ""
    """Where all rows compute, by Funland's id; empty: on the CPU."""
    device: str = ""
    """The same by llama.cpp's name."""
    flash: str = ""
    """Attention in one pass in all of llama.cpp's rows: on or off. Empty: as each chooses."""

    @property
    def slots(self) -> int:
        """What all rows get that don't start anew."""
        return max(self.streams)

    def how(self) -> Measurement:
        """How each figure is measured, but for the number of streams."""
        return Measurement(0, self.prompt_tokens, self.tokens, self.seconds)

    def wants(self, row: str) -> bool:
        """Whether the row of that name is to be measured."""
        return not self.rows or row in self.rows

    def subject(self, kind: str, target: object, model: str, number: int) -> Subject:
        """The row of that number: no two have the same prompts."""
        return Subject(
            kind=kind,
            target=str(target),
            model=model,
            vocabulary=self.vocabulary,
            seed=number * _SEEDS,
            context_length=CONTEXT,
            slots=self.slots,
            threads=self.threads,
            device=self.device,
            flash=self.flash,
        )


def read_plan() -> Plan:
    """The plan of this process's arguments. Makes the model if it isn't there yet."""
    arguments = _arguments()
    return Plan(
        model=make(arguments.cache, arguments.shape).resolve(),
        vocabulary=SHAPES[arguments.shape].vocabulary,
        streams=sorted(int(number) for number in arguments.streams.split(",")),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        prompt_tokens=arguments.prompt_tokens,
        tokens=arguments.tokens,
        threads=arguments.threads or (1 if arguments.device else _cores()),
        device_id=arguments.device,
        flash=arguments.flash_attention,
        patience=arguments.patience,
        rows=arguments.rows,
        llama_server=arguments.llama_server,
        batched_bench=arguments.batched_bench,
        python_server=arguments.python_server,
        python_server_python=arguments.python_server_python,
        out=arguments.out,
    )


def _cores() -> int:
    return psutil.cpu_count(logical=False) or 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench", description="Compares Funland's parts and its peers."
    )
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="JSON, SVG, logs")
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--streams", default="1,4,8,16,32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="the least time of a figure")
    parser.add_argument("--prompt-tokens", type=int, default=28, help="of every prompt")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--threads", type=int, help="all cores; with --device 1")
    parser.add_argument(
        "--device", default="", metavar="ID", help="such as gpu_0; llama.cpp's rows alone"
    )
    parser.add_argument(
        "--flash-attention",
        choices=("on", "off"),
        default="",
        help="in llama.cpp's rows, which are measured alone then",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=20,
        help="seconds to wait, for each figure, for a quiet machine",
    )
    parser.add_argument("--rows", nargs="*", default=[], help="these alone")
    parser.add_argument("--llama-server", type=Path, help="llama.cpp's server, to compare with")
    parser.add_argument("--batched-bench", type=Path, help="llama.cpp's llama-batched-bench")
    parser.add_argument(
        "--python-server", type=Path, help="examples/server/server.py of llama-cpp-python"
    )
    parser.add_argument(
        "--python-server-python",
        type=Path,
        help="the interpreter that runs it: one that has what the script imports",
    )
    arguments = parser.parse_args()
    # Funland's own has neither the packages nor the part of llama.cpp that the script imports.
    if arguments.python_server and not arguments.python_server_python:
        parser.error("--python-server needs --python-server-python")
    return arguments
