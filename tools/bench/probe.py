"""The process that measures one row of the table: `python -m tools.bench.probe`.

It is told by lines of JSON on its standard input, and answers with one line each: first what it is
to measure (`Subject`), then any number of times how (`Measurement`). So a loop has a process of its
own as a server's caller has, and all rows are measured in the same way.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Protocol

import orjson

from funland_cli.bench_statistics import Call
from tools.bench.prompts import messages


@dataclass(frozen=True, slots=True)
class Subject:
    """What to measure. `kind` is one of "loop", "engine", "grpc" and "http"."""

    kind: str
    target: str
    """A model's file, or a server's address or URL."""
    model: str
    """A model's id, or an engine's name."""
    vocabulary: int
    seed: int
    context_length: int
    slots: int
    threads: int
    device: str = ""
    """Where a loop or an engine computes, by llama.cpp's name; empty: on the CPU."""
    flash: str = ""
    """Whether a loop or an engine computes attention in one pass: on or off; empty: its choice."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """How to measure: waves of `streams` calls, until `seconds` have passed."""

    streams: int
    prompt_tokens: int
    tokens: int
    seconds: float


class Measured(Protocol):
    """What can make several calls at once."""

    async def wave(self, messages: Sequence[str], tokens: int) -> list[Call]:
        """Answers each message with `tokens` tokens."""
        ...


def open_subject(subject: Subject) -> Measured:
    """Makes what is to be measured ready. Each kind imports only what it needs."""
    match subject.kind:
        case "loop":
            from tools.bench.decode_loop import DecodeLoop  # noqa: PLC0415 - as above

            return DecodeLoop(
                subject.target,
                context_length=subject.context_length,
                slots=subject.slots,
                threads=subject.threads,
                device=subject.device,
                flash=subject.flash,
            )
        case "engine":
            from tools.bench.engine_loop import EngineLoop, open_engine  # noqa: PLC0415 - as above

            return EngineLoop(
                open_engine(
                    subject.model,
                    Path(subject.target),
                    context_length=subject.context_length,
                    slots=subject.slots,
                    threads=subject.threads,
                    device=subject.device,
                    flash=subject.flash,
                )
            )
        case "grpc":
            from tools.bench.callers import GrpcCaller  # noqa: PLC0415 - as above

            return GrpcCaller(subject.target, subject.model)
        case "http":
            from tools.bench.callers import HttpCaller  # noqa: PLC0415 - as above

            return HttpCaller(subject.target, subject.model)
        case kind:
            raise ValueError(f"nothing is measured as {kind}")


async def measure(measured: Measured, texts: Iterator[str], how: Measurement) -> list[Call]:
    """Makes waves of calls, at least one, until the time is over."""
    calls: list[Call] = []
    end = perf_counter() + how.seconds
    while not calls or perf_counter() < end:
        calls += await measured.wave(list(islice(texts, how.streams)), how.tokens)
    return calls


async def _main() -> None:
    # Answers go where standard output was; what native code prints there goes to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    subject = Subject(**orjson.loads(sys.stdin.readline()))
    measured = open_subject(subject)
    answers.write(b"{}\n")
    answers.flush()
    # Servers that cache prompts must not meet the same one twice.
    seeds = iter(range(subject.seed, subject.seed + 1_000_000))
    for line in sys.stdin:
        how = Measurement(**orjson.loads(line))
        texts = messages(subject.vocabulary, how.prompt_tokens, next(seeds))
        calls = await measure(measured, texts, how)
        answers.write(orjson.dumps([asdict(call) for call in calls]) + b"\n")
        answers.flush()


if __name__ == "__main__":
    asyncio.run(_main())
