"""What streams of tokens tell: throughput, and how long people wait."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Call:
    """A streamed call as its caller saw it, in seconds of one clock.

    `arrivals` is when its pieces of text came. `tokens` is how many tokens they were: pieces that
    come too fast may be joined on the way, and then each counts for as many tokens as the others.
    """

    start: float
    arrivals: tuple[float, ...]
    tokens: int

    @property
    def first_token_seconds(self) -> float:
        """From the call's start to its first piece of text."""
        return self.arrivals[0] - self.start

    @property
    def gaps(self) -> list[float]:
        """The seconds from each piece to the next."""
        return [later - earlier for earlier, later in pairwise(self.arrivals)]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What half, 95 and 99 of 100 values do not exceed; NaN of none."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Percentiles:
        """Takes them from the values, by nearest rank."""
        ordered = sorted(values)
        return cls(*(_rank(ordered, percent) for percent in (50, 95, 99)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What several calls tell together."""

    streams: int
    """How many ran at once."""
    calls: int
    tokens: int
    seconds: float
    """From the first call's start to the last piece of text."""
    tokens_per_second: float
    """All tokens over all seconds, prompts included in the time."""
    generation_tokens_per_second: float
    """Tokens over time while all streams wrote; NaN if there was no such time."""
    first_token_seconds: Percentiles
    gap_seconds: Percentiles
    """Between two pieces of one text."""


def summary(calls: Sequence[Call], streams: int) -> Summary:
    """Sums up calls, of which `streams` ran at once. There is at least one, each with text."""
    tokens = sum(call.tokens for call in calls)
    seconds = max(call.arrivals[-1] for call in calls) - min(call.start for call in calls)
    written, writing = steady(calls, streams)
    return Summary(
        streams=streams,
        calls=len(calls),
        tokens=tokens,
        seconds=seconds,
        tokens_per_second=tokens / seconds if seconds > 0 else math.nan,
        generation_tokens_per_second=written / writing if writing > 0 else math.nan,
        first_token_seconds=Percentiles.of(call.first_token_seconds for call in calls),
        gap_seconds=Percentiles.of(gap for call in calls for gap in call.gaps),
    )


def steady(calls: Sequence[Call], streams: int) -> tuple[float, float]:
    """The tokens that came while at least `streams` calls wrote, and how many seconds they did.

    A call writes from its first piece to its last. A piece counts for the time that ends with it.
    """
    edges = sorted(
        [(call.arrivals[0], 1) for call in calls] + [(call.arrivals[-1], -1) for call in calls]
    )
    spans: list[tuple[float, float]] = []
    writing, begin = 0, 0.0
    for time, change in edges:
        if writing >= streams > writing + change:
            spans.append((begin, time))
        elif writing < streams <= writing + change:
            begin = time
        writing += change
    tokens = sum(
        call.tokens / len(call.arrivals)
        for call in calls
        for arrival in call.arrivals
        if any(begin < arrival <= end for begin, end in spans)
    )
    return tokens, sum(end - begin for begin, end in spans)


def to_json(value: Summary) -> dict[str, Any]:
    """The summary as JSON has it: what is not a number is null."""
    return _without_nan(asdict(value))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {name: _without_nan(item) for name, item in items}
    return None if isinstance(value, float) and math.isnan(value) else value


def _rank(ordered: Sequence[float], percent: int) -> float:
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]
