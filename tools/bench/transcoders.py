"""Holds the gateway's JSON against Envoy's transcoder before the same server:
`make bench-envoy`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import aiohttp
import orjson
import psutil

from tools.bench.http1 import post_all
from tools.bench.services import funland
from tools.envoy.config import Places
from tools.envoy.running import envoy_before

_TIMEOUT_SECONDS: Final = 120.0
_DEMANDED: Final = 1.0
_TOKENS: Final = 256
_CALLERS: Final = 16
_UNARY: Final = "/funland/v1/models/funland-tiny"
_STREAM: Final = "/funland/v1/chat:stream"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way took for one figure."""

    rate: float
    """Calls or tokens a second."""
    microseconds: float
    """Of the processor, a call or a token: the server's process and Envoy's, not the model's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of traffic, both ways, by round."""

    name: str
    gateway: list[Cost] = field(default_factory=list[Cost])
    envoy: list[Cost] = field(default_factory=list[Cost])

    @property
    def ratio(self) -> float:
        """The median of each round's own: above 1, the gateway does more in the same time."""
        return median(g.rate / e.rate for g, e in zip(self.gateway, self.envoy, strict=True))

    def text(self, demanded: float | None) -> str:
        """The line for people."""
        each = [g.rate / e.rate for g, e in zip(self.gateway, self.envoy, strict=True)]
        bar = "" if demanded is None else f" (>= {demanded}  {_met(self.ratio, demanded)})"
        return (
            f"{self.name:28} {median(c.rate for c in self.gateway):8.0f}/s"
            f" {median(c.rate for c in self.envoy):8.0f}/s   {self.ratio:.3f}"
            f" ({min(each):.3f}-{max(each):.3f}){bar};"
            f" {median(c.microseconds for c in self.gateway):6.0f} us"
            f" {median(c.microseconds for c in self.envoy):6.0f} us"
        )


def _met(ratio: float, demanded: float) -> str:
    return "met" if ratio >= demanded else "NOT MET"


def unary(url: str, seconds: float) -> tuple[int, float]:
    """How many calls sixteen callers make, one after the other each, and in how many seconds."""
    return asyncio.run(_unary(url, seconds))


async def _unary(url: str, seconds: float) -> tuple[int, float]:
    made, begun = 0, perf_counter()

    async def call(http: aiohttp.ClientSession) -> None:
        nonlocal made
        while perf_counter() - begun < seconds:
            async with http.get(_UNARY) as answer:
                answer.raise_for_status()
                await answer.read()
            made += 1

    async with aiohttp.ClientSession(url) as http:
        await asyncio.gather(*(call(http) for _ in range(_CALLERS)))
    return made, perf_counter() - begun


def streams(number: int) -> Callable[[str, float], tuple[int, float]]:
    """The same of tokens, of so many streams at once."""

    def wave(url: str, seconds: float) -> tuple[int, float]:
        made, took = 0, 0.0
        while took < seconds:
            bodies = [_chat(f"Tell me a story about number {n}.") for n in range(number)]
            ended = 0.0
            begun, answers = post_all(f"{url}{_STREAM}", bodies, _TIMEOUT_SECONDS)
            for answer in answers:
                lines = list(answer)
                if not any(b'"finish"' in line.text for line in lines):
                    raise RuntimeError(f"a stream ended before its answer was complete: {lines}")
                made += _TOKENS
                ended = max(ended, lines[-1].at)
            took += ended - begun
        return made, took

    return wave


def _chat(text: str) -> bytes:
    return orjson.dumps(
        {
            "messages": [{"role": "USER", "content": text}],
            "sampling": {"temperature": 0, "max_tokens": _TOKENS, "ignore_end": True},
        }
    )


def _measured(
    kind: Callable[[str, float], tuple[int, float]],
    url: str,
    processes: Sequence[psutil.Process],
    seconds: float,
) -> Cost:
    before = _processor(processes)
    made, took = kind(url, seconds)
    return Cost(made / took, 1e6 * (_processor(processes) - before) / made)


def _processor(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    kinds = {"GetModel, 16 callers": unary}
    kinds |= {f"StreamChat, {n} at once": streams(n) for n in (1, 4, 16)}
    rows = {name: Row(name) for name in kinds}
    with tempfile.TemporaryDirectory() as folder, funland(Path(folder) / "home") as service:
        places = Places(server=service.grpc, gateway=service.http.removeprefix("http://"))
        with envoy_before(places, Path(folder)) as envoy:
            server, proxy = psutil.Process(service.pid), psutil.Process(envoy.pid)
            ways = [
                ("gateway", service.http, [server]),
                ("envoy", f"http://{envoy.place}", [server, proxy]),
            ]
            for _, url, _processes in ways:  # the model is there from then on
                streams(1)(url, 0.1)
            for turn in range(asked.rounds):
                for name, kind in kinds.items():
                    for way, url, processes in ways if turn % 2 else reversed(ways):
                        cost = _measured(kind, url, processes, asked.seconds)
                        getattr(rows[name], way).append(cost)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows.values()]))
        return
    print(f"{'':28} {'gateway':>10} {'Envoy':>10}   ratio (rounds); of the processor each")
    for name, row in rows.items():
        print(row.text(_DEMANDED if "Stream" in name else None))


if __name__ == "__main__":
    main()
