"""The rows of the table: what is measured, each in its way, for the same figures."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import orjson

from funland_cli.bench_statistics import Call, Percentiles, Summary, summary
from tools.bench.probe import Measurement, Subject
from tools.bench.services import llama_server, read_line, running

_OPEN_SECONDS = 120
_WARM_TOKENS = 8
_NONE = Percentiles(math.nan, math.nan, math.nan)


class Row(Protocol):
    """Something that is measured."""

    def measure(self, how: Measurement) -> Summary:
        """Measures it once."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """What a probe process measures."""

    process: subprocess.Popen[bytes]

    def measure(self, how: Measurement) -> Summary:
        """Has the process measure; what it can't do it ends of."""
        return summary(_ask(self.process, how), how.streams)


@contextmanager
def probe(subject: Subject, log: Path) -> Generator[ProbeRow]:
    """A row in a process of its own, warm."""
    command = [sys.executable, "-m", "tools.bench.probe"]
    with running(command, log, {"GOMP_SPINCOUNT": "5000"}) as process:  # as Funland's workers have
        assert process.stdin is not None  # noqa: S101 - it is a PIPE
        process.stdin.write(orjson.dumps(asdict(subject)) + b"\n")
        process.stdin.flush()
        if not read_line(process, _OPEN_SECONDS):
            raise RuntimeError(f"{subject.kind} {subject.model} can't be measured; see {log}")
        _ask(process, Measurement(2, 28, _WARM_TOKENS, 0))
        yield ProbeRow(process)


@dataclass(frozen=True, slots=True)
class LlamaServerRow:
    """llama.cpp's server, started anew for each number of streams with as many slots."""

    binary: Path
    model: Path
    subject: Subject
    log: Path

    def measure(self, how: Measurement) -> Summary:
        """Starts it, warms it, measures it and ends it."""
        with ExitStack() as started:
            url = started.enter_context(
                llama_server(
                    self.binary,
                    self.model,
                    self.log,
                    context_length=self.subject.context_length,
                    slots=how.streams,
                    threads=self.subject.threads,
                )
            )
            subject = replace(self.subject, target=url)
            return started.enter_context(probe(subject, self.log)).measure(how)


@dataclass(frozen=True, slots=True)
class BatchedBenchRow:
    """llama.cpp's own measuring program, whose tokens are random: nothing is chosen."""

    binary: Path
    model: Path
    cells: int
    threads: int

    def measure(self, how: Measurement) -> Summary:
        """Runs it once; it tells nothing of single tokens."""
        command = [str(self.binary), "-m", str(self.model), "-c", str(self.cells)]
        command += ["-b", "512", "-ub", "512", "-t", str(self.threads)]
        command += ["-npp", str(how.prompt_tokens), "-ntg", str(how.tokens)]
        command += ["-npl", str(how.streams), "--output-format", "jsonl"]
        result = subprocess.run(command, capture_output=True, check=True, timeout=600)
        lines = [line for line in result.stdout.splitlines() if line.startswith(b"{")]
        figures = orjson.loads(lines[-1])
        tokens = how.streams * how.tokens
        return Summary(
            streams=how.streams,
            calls=how.streams,
            tokens=tokens,
            seconds=figures["t"],
            tokens_per_second=tokens / figures["t"],
            generation_tokens_per_second=figures["speed_tg"],
            first_token_seconds=_NONE,
            gap_seconds=_NONE,
        )


def _ask(process: subprocess.Popen[bytes], how: Measurement) -> list[Call]:
    assert process.stdin is not None  # noqa: S101 - it is a PIPE
    process.stdin.write(orjson.dumps(asdict(how)) + b"\n")
    process.stdin.flush()
    answer = read_line(process, 600 + how.seconds)
    if not answer:
        raise RuntimeError("a probe has ended, or takes too long; its log has its last words")
    return [
        Call(call["start"], tuple(call["arrivals"]), call["tokens"])
        for call in orjson.loads(answer)
    ]
