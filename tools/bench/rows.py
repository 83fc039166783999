"""The rows of the table that a process of their own measures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import orjson

from funland_cli.bench_statistics import Call, Summary, summary
from funland_server.workers.launch import ENVIRONMENT
from tools.bench.probe import Measurement, Subject
from tools.bench.services import read_line, running

_OPEN_SECONDS = 120
_WARM_TOKENS = 8


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
    with running(command, log, ENVIRONMENT) as process:  # as a worker
        assert process.stdin is not None  # noqa: S101 - it is a PIPE
        process.stdin.write(orjson.dumps(asdict(subject)) + b"\n")
        process.stdin.flush()
        if not read_line(process, _OPEN_SECONDS):
            raise RuntimeError(f"{subject.kind} {subject.model} can't be measured; see {log}")
        _ask(process, Measurement(2, 28, _WARM_TOKENS, 0))
        yield ProbeRow(process)


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
