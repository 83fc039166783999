"""Compares Funland's downloads with those of others: `make bench-downloads`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from funland_client import FunlandError
from tools.bench.noise import Load, machine
from tools.bench.services import read_line, running
from tools.bench_downloads.contestants import CONTESTANTS, Target, Took, run
from tools.bench_downloads.lines import LINES
from tools.bench_downloads.weights import write

_GIB = 1024**3
_MIB = 1024**2
_START_SECONDS = 120


def main() -> None:
    """Runs the rounds, each line's contestants after one another, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=_GIB, help="bytes")
    parser.add_argument("--lines", nargs="*", default=["loopback", "capped", "lossy"])
    parser.add_argument("--only", nargs="*", default=[*CONTESTANTS])
    parser.add_argument("--folder", type=Path, help="for the files; its disk is a part of it")
    arguments = parser.parse_args()
    print(json.dumps(machine()))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as made:
        scratch = Path(made)
        path = scratch / "weights.gguf"
        sha256 = write(path, arguments.size, seed=0)
        race = Race(path, sha256, scratch)
        for line in arguments.lines:
            took = {name: list[Took | None]() for name in arguments.only}
            for number in range(arguments.rounds):
                for name, results in took.items():
                    results.append(race.run(f"{line} {number + 1}", line, name))
            _report(line, took, path.stat().st_size)


@dataclass(frozen=True, slots=True)
class Race:
    """One file, one disk."""

    path: Path
    sha256: str
    scratch: Path

    def run(self, label: str, line: str, name: str) -> Took | None:
        """One download by a contestant, of whom a line is printed; None if it gives up."""
        command = [sys.executable, "-m", "tests.hubs.main", str(self.path), *LINES[line].options]
        with running(command, self.scratch / "hub.log") as hub:
            told = json.loads(read_line(hub, _START_SECONDS))
            url = told["files"][self.path.name]
            target = Target(
                modelscope=told["modelscope"],
                huggingface=told["huggingface"],
                url=url,
                file=self.path.name,
                sha256=self.sha256,
                size=self.path.stat().st_size,
            )
            load, start = Load.now(), perf_counter()
            try:
                took = run(CONTESTANTS[name], target, self.scratch)
                ended = f"{took.seconds:.2f} s"
            except (RuntimeError, FunlandError) as error:
                took, ended = None, f"gave up after {perf_counter() - start:.1f} s: {error}"
            busy = Load.now().others_since(load)
            hub.communicate(timeout=_START_SECONDS)
        print(f"  {label} {name}: {ended}; cores of others {busy:.2f}", flush=True)
        return took


def _report(line: str, results: dict[str, list[Took | None]], size: int) -> None:
    print(f"\n{line}: {LINES[line].description}; {size / _MIB:.0f} MiB, medians")
    ours = results.get("funland", [])
    for name, took in results.items():
        done = [each for each in took if each is not None]
        if not done:
            print(f"  {name:16} gave up {len(took)} times of {len(took)}")
            continue
        seconds = median(each.seconds for each in done)
        pairs = zip(ours, took, strict=False)
        ratios = [they.seconds / our.seconds for our, they in pairs if our and they]
        print(
            f"  {name:16} {size / _MIB / seconds:7.0f} MiB/s"
            f"  {min(each.seconds for each in done):.2f}-{max(each.seconds for each in done):.2f} s"
            f"  processor {median(each.processor_seconds for each in done) * _GIB / size:.2f} s/GiB"
            f"  memory {max(each.memory_bytes for each in done) / _MIB:.0f} MiB"
            f"  gave up {len(took) - len(done)}"
            + (f"  funland is {median(ratios):.2f} times as fast" if ratios else "")
        )
    print(flush=True)


if __name__ == "__main__":
    main()
