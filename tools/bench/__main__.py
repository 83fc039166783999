"""Compares llama.cpp's bare loop, Funland's engines, its servers and its peers: `make bench`.

One synthetic model, one run. A round measures every row at every number of streams; the rows of one
number follow one another directly, and each round begins with another row.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import orjson

from funland_cli.bench_plot import charts, svg
from funland_cli.bench_statistics import to_json
from tools.bench import cached_prompt, report
from tools.bench.installing import install, llama_cpp_name
from tools.bench.least_server import least_server
from tools.bench.noise import machine
from tools.bench.peers import BatchedBenchRow, LlamaServer, PeerRow, PythonServer
from tools.bench.plan import CONTEXT, Plan, read_plan
from tools.bench.report import LEAST_SERVER
from tools.bench.rounds import measure
from tools.bench.rows import Row, probe
from tools.bench.services import Service, funland

OTHERS = ("OpenVINO engine", "CTranslate2 engine")
"""Rows that are left out where it is said where or how llama.cpp computes."""


def main() -> None:
    """Runs it all, prints the tables and writes the files."""
    plan = read_plan()
    plan.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as started, tempfile.TemporaryDirectory(prefix="funland-bench-") as folder:
        facts = machine()
        service = started.enter_context(funland(Path(folder), SERVER__THREADS=plan.threads))
        if plan.device_id:
            plan = replace(plan, device=llama_cpp_name(service, plan.device_id))
        model = install(
            service, plan.model,
            slots=plan.slots, context_length=CONTEXT, device_id=plan.device_id, flash=plan.flash,
        )  # fmt: skip
        rows = _own_rows(plan, service, model, started) | _peer_rows(plan)
        cells, noise = measure(rows, plan.streams, plan.how(), plan.rounds, plan.patience)
        cached = None
        if not plan.rows:
            # In a context that holds it: the model is loaded anew.
            install(
                service, plan.model,
                slots=plan.slots, context_length=2 * CONTEXT, device_id=plan.device_id,
                flash=plan.flash,
            )  # fmt: skip
            cached = cached_prompt.measure(service.grpc, model, plan.vocabulary, plan.rounds + 2)
    bars = report.DEVICE_BARS if plan.device else report.BARS
    told = [
        f"{plan.model.name} on {plan.device or 'the CPU'}: {plan.prompt_tokens} prompt tokens,"
        f" {plan.tokens} made, {plan.threads} threads, {plan.rounds} rounds of at least"
        f" {plan.seconds:g} s a figure",
        " ".join(f"{name}={value}" for name, value in facts.items()),
        *noise,
        "",
        report.text(cells, bars),
    ]
    told += ["", cached.text()] if cached else []
    print("\n".join(told))
    rest: dict[str, object] = {
        "machine": facts,
        "device": plan.device,
        "flash_attention": plan.flash,
        "noise": noise,
        "text": "\n".join(told),
    }
    _write(plan.out, cells, bars, rest)


def _own_rows(plan: Plan, service: Service, model: str, started: ExitStack) -> dict[str, Row]:
    """Makes every row ready that can be measured here, and says which can't."""
    subjects = {
        "bare loop": plan.subject("loop", plan.model, "", 1),
        "engine": plan.subject("engine", plan.model, "llama.cpp", 2),
        "OpenVINO engine": plan.subject("engine", plan.model, "openvino", 3),
        "CTranslate2 engine": plan.subject("engine", plan.model, "ctranslate2", 4),
        "gRPC": plan.subject("grpc", service.grpc, model, 5),
        "OpenAI": plan.subject("http", service.http, model, 6),
    }
    if plan.wants(LEAST_SERVER) and not (plan.device or plan.flash):
        address = started.enter_context(
            least_server(plan.model, CONTEXT, plan.slots, plan.threads, plan.out / "least.log")
        )
        subjects[LEAST_SERVER] = plan.subject("grpc", address, model, 9)
    if plan.device or plan.flash:
        subjects = {name: it for name, it in subjects.items() if name not in OTHERS}
    rows: dict[str, Row] = {}
    for name, subject in subjects.items():
        if not plan.wants(name):
            continue
        try:
            rows[name] = started.enter_context(probe(subject, plan.out / f"{subject.seed}.log"))
        except RuntimeError as error:
            print(f"left out: {error}", file=sys.stderr)
    return rows


def _peer_rows(plan: Plan) -> dict[str, Row]:
    """The rows of the programs that are named."""
    rows: dict[str, Row] = {}
    if plan.llama_server and plan.wants("llama-server"):
        rows["llama-server"] = PeerRow(
            LlamaServer(plan.llama_server),
            plan.model,
            plan.subject("http", "", "model", 7),
            plan.out / "llama-server.log",
        )
    wanted = plan.wants("examples-server") and not plan.flash
    if plan.python_server and plan.python_server_python and wanted:
        rows["examples-server"] = PeerRow(
            PythonServer(plan.python_server_python, plan.python_server),
            plan.model,
            plan.subject("http", "", "model", 8),
            plan.out / "examples-server.log",
        )
    if plan.batched_bench and plan.wants("llama-batched-bench"):
        rows["llama-batched-bench"] = BatchedBenchRow(
            plan.batched_bench,
            plan.model,
            CONTEXT * plan.slots,
            plan.threads,
            plan.device,
            plan.flash,
        )
    return rows


def _write(
    folder: Path, cells: list[report.Cell], bars: Sequence[report.Bar], rest: dict[str, object]
) -> None:
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
        "ratios": [{**asdict(each), "met": each.met} for each in report.ratios(cells, bars)],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    (folder / "bench.json").write_bytes(orjson.dumps(document, option=options))
    (folder / "bench.svg").write_text(svg(charts(report.medians(cells))), encoding="utf-8")
    print(f"written: {folder / 'bench.json'} and bench.svg", file=sys.stderr)


if __name__ == "__main__":
    main()
