"""Compares llama.cpp's bare loop, Funland's engines, its servers and its peers: `make bench`.

One synthetic model, one run. A round measures every row at every number of streams; the rows of one
number follow one another directly, and each round begins with another row.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import psutil

from funland_cli.bench_plot import charts, svg
from funland_cli.bench_statistics import to_json
from tools.bench import cached_prompt, report
from tools.bench.installing import install
from tools.bench.noise import machine
from tools.bench.probe import Measurement, Subject
from tools.bench.rounds import measure
from tools.bench.rows import BatchedBenchRow, LlamaServerRow, Row, probe
from tools.bench.services import Service, funland
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 512
_SEEDS = 10_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how long."""

    model: Path
    vocabulary: int
    streams: list[int]
    rounds: int
    seconds: float
    prompt_tokens: int
    tokens: int
    threads: int
    patience: float
    llama_server: Path | None
    batched_bench: Path | None
    logs: Path

    @property
    def slots(self) -> int:
        """What all rows get that don't start anew."""
        return max(self.streams)

    def how(self) -> Measurement:
        """How each figure is measured, but for the number of streams."""
        return Measurement(0, self.prompt_tokens, self.tokens, self.seconds)

    def subject(self, kind: str, target: object, model: str, number: int) -> Subject:
        """The row of that number: no two have the same prompts."""
        return Subject(
            kind=kind,
            target=str(target),
            model=model,
            vocabulary=self.vocabulary,
            seed=number * _SEEDS,
            context_length=_CONTEXT,
            slots=self.slots,
            threads=self.threads,
        )


def main() -> None:
    """Runs it all, prints the tables and writes the files."""
    arguments = _arguments()
    plan = _plan(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as started, tempfile.TemporaryDirectory(prefix="funland-bench-") as folder:
        facts = machine()
        service = started.enter_context(funland(Path(folder), SERVER__THREADS=plan.threads))
        model = install(service, plan.model, slots=plan.slots, context_length=_CONTEXT)
        rows = _rows(plan, service, model, arguments.rows, started)
        cells, noise = measure(rows, plan.streams, plan.how(), plan.rounds, plan.patience)
        cached = None
        if not arguments.rows:
            # In a context that holds it: the model is loaded anew.
            install(service, plan.model, slots=plan.slots, context_length=2 * _CONTEXT)
            cached = cached_prompt.measure(service.grpc, model, plan.vocabulary, plan.rounds + 2)
    told = [
        f"{plan.model.name}: {plan.prompt_tokens} prompt tokens, {plan.tokens} made,"
        f" {plan.threads} threads, {plan.rounds} rounds of at least {plan.seconds:g} s a figure",
        " ".join(f"{name}={value}" for name, value in facts.items()),
        *noise,
        "",
        report.text(cells),
    ]
    told += ["", cached.text()] if cached else []
    print("\n".join(told))
    _write(arguments.out, cells, {"machine": facts, "noise": noise, "text": "\n".join(told)})


def _rows(
    plan: Plan, service: Service, model: str, wanted: list[str], started: ExitStack
) -> dict[str, Row]:
    """Makes every row ready that can be measured here, and says which can't."""
    subjects = {
        "bare loop": plan.subject("loop", plan.model, "", 1),
        "engine": plan.subject("engine", plan.model, "llama.cpp", 2),
        "OpenVINO engine": plan.subject("engine", plan.model, "openvino", 3),
        "CTranslate2 engine": plan.subject("engine", plan.model, "ctranslate2", 4),
        "gRPC": plan.subject("grpc", service.grpc, model, 5),
        "OpenAI": plan.subject("http", service.http, model, 6),
    }
    rows: dict[str, Row] = {}
    for name, subject in subjects.items():
        if wanted and name not in wanted:
            continue
        try:
            rows[name] = started.enter_context(probe(subject, plan.logs / f"{subject.seed}.log"))
        except RuntimeError as error:
            print(f"left out: {error}", file=sys.stderr)
    if plan.llama_server and (not wanted or "llama-server" in wanted):
        subject = plan.subject("http", "", "model", 7)
        rows["llama-server"] = LlamaServerRow(
            plan.llama_server, plan.model, subject, plan.logs / "llama-server.log"
        )
    if plan.batched_bench and (not wanted or "llama-batched-bench" in wanted):
        rows["llama-batched-bench"] = BatchedBenchRow(
            plan.batched_bench, plan.model, _CONTEXT * plan.slots, plan.threads
        )
    return rows


def _write(folder: Path, cells: list[report.Cell], rest: dict[str, object]) -> None:
    document = {
        **rest,
        "cells": [
            {
                "round": cell.round,
                "row": cell.row,
                "others_cores": round(cell.others, 2),
                "processor_seconds": round(cell.processor_seconds, 3),
                **to_json(cell.summary),
            }
            for cell in cells
        ],
        "ratios": [{**asdict(each), "met": each.met} for each in report.ratios(cells)],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    (folder / "bench.json").write_bytes(orjson.dumps(document, option=options))
    (folder / "bench.svg").write_text(svg(charts(report.medians(cells))), encoding="utf-8")
    print(f"written: {folder / 'bench.json'} and bench.svg", file=sys.stderr)


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        model=make(arguments.cache, arguments.shape).resolve(),
        vocabulary=SHAPES[arguments.shape].vocabulary,
        streams=sorted(int(number) for number in arguments.streams.split(",")),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        prompt_tokens=arguments.prompt_tokens,
        tokens=arguments.tokens,
        threads=arguments.threads,
        patience=arguments.patience,
        llama_server=arguments.llama_server,
        batched_bench=arguments.batched_bench,
        logs=arguments.out,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="JSON, SVG, logs")
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--streams", default="1,4,8,16,32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="the least time of a figure")
    parser.add_argument("--prompt-tokens", type=int, default=28)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False))
    parser.add_argument(
        "--patience",
        type=float,
        default=20,
        help="seconds to wait, for each figure, for a quiet machine",
    )
    parser.add_argument("--rows", nargs="*", default=[], help="these alone")
    parser.add_argument("--llama-server", type=Path, help="llama.cpp's server, to compare with")
    parser.add_argument("--batched-bench", type=Path, help="llama.cpp's llama-batched-bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
