"""Measures a machine with an accelerator, in one go: `make bench-gpu`.

What fails is told and left out, what takes too long is ended, and the report is written anew after
every stage: a machine that is lent for minutes is used to the last one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.bench_gpu.plan import STREAMS, Plan, machine_stages, measuring_stages
from tools.bench_gpu.report import read, report
from tools.bench_gpu.stages import Runner, Stage


def main() -> int:
    """Runs all stages; 1 if one of them did not end well."""
    arguments = _arguments()
    out: Path = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    runner = Runner(out, arguments.limit)

    def run(stage: Stage) -> None:
        runner.run(stage)
        (out / "report.md").write_text(report(out, runner.outcomes), encoding="utf-8")

    for stage in machine_stages(out):
        run(stage)
    asked = [sys.executable, "-m", "tools.bench_gpu.service", str(out)]
    run(Stage("service", [*asked, "--device", arguments.device], 150))
    devices = read(out / "devices.json")
    plan = Plan(
        out=out,
        cache=arguments.cache,
        shape=arguments.shape,
        device_id=devices.get("chosen", "") if devices.get("llama_cpp") else "",
        device=devices.get("llama_cpp", ""),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        llama_server=arguments.llama_server,
        batched_bench=arguments.batched_bench,
        streams=arguments.streams,
    )
    for stage in measuring_stages(plan):
        run(stage)
    print((out / "report.md").read_text(encoding="utf-8"))
    print(f"written: {out}", file=sys.stderr)
    return int(any(outcome.code != 0 for outcome in runner.outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench_gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench-gpu"))
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--shape", default="0.5b", help="of the synthetic model")
    parser.add_argument("--device", default="", metavar="ID", help="[default: the first GPU]")
    parser.add_argument("--streams", default=STREAMS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2, help="the least time of a figure")
    parser.add_argument("--limit", type=float, default=540, help="seconds for all stages together")
    parser.add_argument("--llama-server", type=Path, help="llama.cpp's server, to compare with")
    parser.add_argument("--batched-bench", type=Path, help="llama.cpp's llama-batched-bench")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
