"""What live chats lose beside a full lane of texts that nobody waits for: `make bench-background`.

Each round measures the live callers alone and beside 16 texts of low priority, which are always
there, and these alone and as if somebody waited for them: that is the engine's own rate.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import grpc.aio
import orjson

from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationOptions,
    Message,
    SamplingParameters,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from tools.bench.installing import install
from tools.bench.noise import Load, machine, wait_for_quiet
from tools.bench.prompts import messages
from tools.bench.services import Service, funland
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 1024
_LANE = 16
_LIVE_TOKENS, _LIVE_PROMPT = 64, 72
_LOW_TOKENS, _LOW_PROMPT = 128, 72
_MOST_LOST, _LEAST_RATE = 0.10, 0.95


@dataclass(slots=True)
class Figures:
    """What some callers got in one measurement."""

    tokens: int = 0
    first: list[float] = field(default_factory=list[float])
    """Seconds until each first token."""
    seconds: float = 0.0
    others_cores: float = 0.0

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    @property
    def first_ms(self) -> float:
        """The first token's median."""
        return 1e3 * median(self.first) if self.first else float("nan")


@dataclass(slots=True)
class Round:
    """The four measurements of one round."""

    alone: Figures
    beside: Figures
    low_beside: Figures
    low: Figures
    normal: Figures


class Caller:
    """Makes one kind of call, over and over."""

    def __init__(
        self,
        stub: Any,
        model: str,
        words: Iterator[str],
        tokens: int,
        priority: GenerationOptions.Priority.ValueType,
    ) -> None:
        self._stub = stub
        self._model = model
        self._words = words
        self._tokens = tokens
        self._priority = priority

    async def call(self, counted: Callable[[], Figures]) -> None:
        """One chat, each piece of which counts where it belongs when it comes: the answers of a
        large model take longer than a measurement."""
        request = ChatRequest(
            model=self._model,
            messages=[Message(role=Message.USER, content=next(self._words))],
            sampling=SamplingParameters(temperature=0, max_tokens=self._tokens, ignore_end=True),
            options=GenerationOptions(priority=self._priority),
        )
        begin = perf_counter()
        waits = True
        async for event in self._stub.StreamChat(request):
            if event.HasField("delta"):
                figures = counted()
                if waits:
                    figures.first.append(perf_counter() - begin)
                    waits = False
                figures.tokens += 1

    async def calls(self, count: int, seconds: float, settle: float = 0.0) -> Figures:
        """So many at a time for so long, after a time that does not count."""
        unused, figures = Figures(), Figures()

        async def caller(counted: Callable[[], Figures]) -> None:
            while True:
                await self.call(counted)

        begun = asyncio.Event()
        tasks = [
            asyncio.create_task(caller(lambda: figures if begun.is_set() else unused))
            for _ in range(count)
        ]
        await asyncio.sleep(settle)
        load = Load.now()
        begun.set()
        begin = perf_counter()
        try:
            done, _ = await asyncio.wait(tasks, timeout=seconds)
            for task in done:
                task.result()
        finally:
            figures.seconds = perf_counter() - begin
            figures.others_cores = round(Load.now().others_since(load), 2)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return figures


async def measure(
    service: Service, model: str, shape: str, options: argparse.Namespace
) -> list[Any]:
    """All rounds, for each number of live callers."""
    found: list[Any] = []
    async with grpc.aio.insecure_channel(service.grpc) as channel:
        stub: Any = InferenceServiceStub(channel)
        vocabulary = SHAPES[shape].vocabulary
        live_words = messages(vocabulary, _LIVE_PROMPT, 1)
        low_words = messages(vocabulary, _LOW_PROMPT, 2)
        live = Caller(stub, model, live_words, _LIVE_TOKENS, GenerationOptions.NORMAL)
        low = Caller(stub, model, low_words, _LOW_TOKENS, GenerationOptions.LOW)
        normal = Caller(stub, model, low_words, _LOW_TOKENS, GenerationOptions.NORMAL)
        await normal.calls(_LANE, 3.0)
        for callers in map(int, options.callers.split(",")):
            rounds = [
                await _round(live, low, normal, callers, options) for _ in range(options.rounds)
            ]
            print(f"\n{shape}, {callers} live callers beside {_LANE}\n{table(rounds)}", flush=True)
            found.append(
                {"shape": shape, "callers": callers, "rounds": [asdict(one) for one in rounds]}
            )
    return found


async def _round(
    live: Caller, low: Caller, normal: Caller, callers: int, options: argparse.Namespace
) -> Round:
    seconds, settle = options.seconds, options.settle

    async def beside() -> tuple[Figures, Figures]:
        background = asyncio.create_task(low.calls(_LANE, 2 * settle + seconds, settle))
        await asyncio.sleep(settle)
        with_it = await live.calls(callers, seconds, settle)
        return with_it, await background

    steps: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
        ("alone", lambda: live.calls(callers, seconds, settle)),
        ("beside", beside),
        ("low", lambda: low.calls(_LANE, seconds, settle)),
        ("normal", lambda: normal.calls(_LANE, seconds, settle)),
    ]
    results: dict[str, Any] = {}
    turn = next(_turns)
    for name, step in steps[turn % 2 :] + steps[: turn % 2]:
        await asyncio.to_thread(wait_for_quiet, options.patience)
        results[name] = await step()
    with_it, low_beside = results["beside"]
    return Round(results["alone"], with_it, low_beside, results["low"], results["normal"])


_turns = itertools.count()


def table(rounds: Sequence[Round]) -> str:
    """The figures for people."""
    lines = [
        "alone tok/s  ms | beside tok/s  ms low tok/s | low alone tok/s  as normal | others' cores"
    ]
    lines += [
        f"{one.alone.rate:>11.1f}{one.alone.first_ms:>5.0f} |{one.beside.rate:>13.1f}"
        f"{one.beside.first_ms:>5.0f}{one.low_beside.rate:>10.1f} |{one.low.rate:>16.1f}"
        f"{one.normal.rate:>11.1f} | {one.alone.others_cores} {one.beside.others_cores}"
        for one in rounds
    ]
    rate = median(one.beside.rate / one.alone.rate for one in rounds)
    first = median(one.beside.first_ms / one.alone.first_ms for one in rounds)
    full = median(one.low.rate / one.normal.rate for one in rounds)
    for name, value, met in (
        (f"live throughput (>= {1 - _MOST_LOST})", rate, rate >= 1 - _MOST_LOST),
        (f"time to first token (<= {1 + _MOST_LOST})", first, first <= 1 + _MOST_LOST),
        (f"low texts alone (>= {_LEAST_RATE})", full, full >= _LEAST_RATE),
    ):
        lines.append(f"{name}: {value:.3f}  {'met' if met else 'NOT MET'}")
    return "\n".join(lines)


def main() -> None:
    """Measures on a service of its own, prints the figures and writes them."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.background", description=__doc__)
    parser.add_argument("--shapes", default="tiny,0.5b")
    parser.add_argument("--callers", default="1,4", help="live ones")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a measurement")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds before each")
    parser.add_argument("--patience", type=float, default=5, help="seconds to wait for quiet")
    parser.add_argument("--threads", type=int, help="of the engine; on a busy machine 1 tells most")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="models and JSON")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {"SERVER__LOG_LEVEL": "warning"}
    if options.threads is not None:
        settings["SERVER__THREADS"] = options.threads
    print(" ".join(f"{name}={value}" for name, value in machine().items()))
    found: list[Any] = []
    for shape in options.shapes.split(","):
        model = make(options.out, shape).resolve()
        with (
            tempfile.TemporaryDirectory(prefix="funland-background-") as folder,
            funland(Path(folder), **settings) as service,
        ):
            name = install(service, model, slots=options.slots, context_length=_CONTEXT)
            found += asyncio.run(measure(service, name, shape, options))
    path = options.out / "background.json"
    document = {"machine": machine(), "figures": found}
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
