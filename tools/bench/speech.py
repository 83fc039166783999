"""What the installed voice speaks through the service, beside its package called directly:
`make bench-speech`.

Both say the same sentences in the same run, turn by turn; seconds of sound in a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc
import psutil

from funland.v1.speech_pb2 import SynthesizeRequest
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from tools.bench.services import funland

CALLS: Final = (1, 4, 16)
SENTENCES: Final = (
    "The rain fell on the old town all night, and nobody slept.",
    "She opened the letter, read it twice, and put it into the fire.",
    "On the third of March, forty two ships left the harbour at dawn.",
    "He had never seen so many books in one place before.",
)
_RATE: Final = 24000


@dataclass(frozen=True, slots=True)
class Round:
    """What one way of speaking brought."""

    speed: float
    """Seconds of sound in a second."""
    first_ms: float
    """Until a call's first sound, the median; 0: it is not asked."""


def direct(hibari: Any, threads: int, texts: Sequence[str]) -> Round:
    """By the package, in so many threads."""

    def say(text: str) -> int:
        return len(hibari(text, seed=0))

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        samples = sum(pool.map(say, texts))
    return Round(samples / _RATE / (time.perf_counter() - began), 0.0)


def served(stub: Any, calls: int, texts: Sequence[str]) -> Round:
    """By the service, so many calls at once."""

    def say(text: str) -> tuple[float, float]:
        began, first, seconds = time.perf_counter(), 0.0, 0.0
        request = SynthesizeRequest(text=text, format=SynthesizeRequest.PCM)
        for event in stub.StreamSynthesize(request):
            if event.HasField("audio"):
                first = first or 1e3 * (time.perf_counter() - began)
            if event.HasField("finish"):
                seconds = event.finish.duration.ToMilliseconds() / 1000
        return seconds, first

    began = time.perf_counter()
    with ThreadPoolExecutor(calls) as pool:
        told = list(pool.map(say, texts))
    taken = time.perf_counter() - began
    return Round(sum(one[0] for one in told) / taken, median(one[1] for one in told))


def main(say: Callable[[str], None] = print) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=48, help="how many a round has")
    arguments = parser.parse_args()
    from hibari import Hibari  # noqa: PLC0415 - it loads ONNX Runtime

    cores = psutil.cpu_count(logical=False) or 1
    hibari = Hibari(threads=1)
    hibari("Ready.")
    texts = [text for text, _ in zip(_endless(), range(arguments.texts), strict=False)]
    with (
        tempfile.TemporaryDirectory() as home,
        funland(Path(home)) as service,
        grpc.insecure_channel(service.grpc) as channel,
    ):
        stub = SpeechServiceStub(channel)
        served(stub, 1, texts[:1])  # loads it
        say(f"{cores} cores, {arguments.texts} sentences, {arguments.rounds} rounds; medians")
        say("calls  package  service  ratio  first sound, ms")
        for calls in CALLS:
            rounds = [
                (direct(hibari, min(calls, cores), texts), served(stub, calls, texts))
                for _ in repeat(None, arguments.rounds)
            ]
            package = median(one.speed for one, _ in rounds)
            own = median(other.speed for _, other in rounds)
            ratio = median(other.speed / one.speed for one, other in rounds)
            first = median(other.first_ms for _, other in rounds)
            say(f"{calls:5}  {package:7.1f}  {own:7.1f}  {ratio:5.2f}  {first:15.1f}")


def _endless() -> Any:
    while True:
        yield from SENTENCES


if __name__ == "__main__":
    main()
