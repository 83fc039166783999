"""What the `hellovm` document says of a device's speed and thrift, from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from funland.v1.hardware_pb2 import BenchmarkResult, Recommendation
from funland_gateway.dialects.optional import optional

CPU: Final = "cpu_0"
"""The device that others are compared with."""

_LEVELS: Final = ((3.0, "high"), (1.5, "medium"), (0.75, "baseline"), (0.0, "low"))
_EFFICIENCIES: Final = ((3.0, "excellent"), (1.5, "good"), (0.75, "fair"), (0.0, "poor"))

LEVELS: Final = tuple(word for _, word in _LEVELS)
EFFICIENCIES: Final = tuple(word for _, word in _EFFICIENCIES)


@dataclass(frozen=True, slots=True)
class Merits:
    """What is known of a device; what no benchmark has shown is None."""

    gain: float | None = None
    """Its speed for eight streams, as a multiple of the CPU's."""
    level: str | None = None
    """A word for that."""
    efficiency: str | None = None
    """A word for how many more tokens a joule makes than the CPU's."""
    tokens_per_second: float | None = None
    """Of one stream."""


UNKNOWN: Final = Merits()


def merits(recommendations: Iterable[Recommendation]) -> dict[str, Merits]:
    """The devices' merits by their ids."""
    known = list(recommendations)
    joules = {each.device_id: _joules(each) for each in known}
    return {each.device_id: _merits(each, joules) for each in known}


def _merits(recommendation: Recommendation, joules: Mapping[str, float | None]) -> Merits:
    gain = optional(recommendation, "gain")
    mine, cpus = joules[recommendation.device_id], joules.get(CPU)
    measured = _measured(recommendation)
    return Merits(
        gain=None if gain is None else round(gain, 2),
        level=_word(gain, _LEVELS),
        efficiency=_word(cpus / mine if mine and cpus else None, _EFFICIENCIES),
        tokens_per_second=None if measured is None else round(measured.tokens_per_second, 1),
    )


def _measured(recommendation: Recommendation) -> BenchmarkResult | None:
    result = recommendation.benchmark
    return result if recommendation.HasField("benchmark") and not result.HasField("error") else None


def _joules(recommendation: Recommendation) -> float | None:
    measured = _measured(recommendation)
    return None if measured is None else optional(measured, "joules_per_token")


def _word(ratio: float | None, words: Sequence[tuple[float, str]]) -> str | None:
    """The word of the first threshold that a ratio reaches."""
    if ratio is None:
        return None
    return next(word for least, word in words if ratio >= least)
