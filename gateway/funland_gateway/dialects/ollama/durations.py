"""Times as Ollama has them: `keep_alive` as it is asked for, and what a call took."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, Final

from funland.v1.inference_pb2 import ChatResponse, Finish, GenerateResponse
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, number

KEEP_ALIVE: Final = "keep_alive"

_UNITS: Final = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600,
}  # fmt: skip
_PART: Final = r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(ns|us|µs|μs|ms|s|m|h)"
DURATION: Final = re.compile(rf"[-+]?(?:0|(?:{_PART})+)", re.ASCII)
"""Go's form of a time."""
_FOR_EVER: Final = -1.0
_LONGEST: Final = 365 * 24 * 3600.0
"""The contract's most, in seconds."""


def read_keep_alive(body: JsonObject) -> float | None:
    """For how many seconds the model is to stay in memory after the call: a number of seconds, or
    a text in Go's form, such as `5m` or `1h30m`. What is negative, or more than a year, is -1, for
    ever; None: nothing is said."""
    value, path = body.raw(KEEP_ALIVE), body.path_of(KEEP_ALIVE)
    if value is None:
        return None
    if isinstance(value, str):
        seconds = _seconds(value, path)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(path, 'a number of seconds, or a text such as "5m"')
    else:
        seconds = number(value, path)
    return seconds if 0 <= seconds <= _LONGEST else _FOR_EVER


def _seconds(text: str, path: str) -> float:
    if not DURATION.fullmatch(text):
        raise invalid(path, 'must be a number of seconds, or a text such as "5m", "90s" or "1h30m"')
    seconds = sum(float(amount) * _UNITS[unit] for amount, unit in re.findall(_PART, text))
    return -seconds if text.startswith("-") else seconds


class Stopwatch:
    """Measures one call from its begin on."""

    def __init__(self, clock: Callable[[], int] = perf_counter_ns) -> None:
        """`clock` gives nanoseconds."""
        self._clock = clock
        self._began = clock()
        self._load: int | None = None

    def loaded(self) -> None:
        """The model is in memory: the first time counts."""
        if self._load is None:
            self._load = self._clock() - self._began

    def total(self) -> dict[str, int]:
        """`total_duration` as of now, and `load_duration` where the end of the load was seen, in
        nanoseconds."""
        told = {"total_duration": self._clock() - self._began}
        return told if self._load is None else {**told, "load_duration": self._load}

    def figures(self, ended: ChatResponse | GenerateResponse | Finish) -> dict[str, Any]:
        """All that an answer tells of what it took. What is not known is left out."""
        told = {
            **self.total(),
            "prompt_eval_count": ended.usage.prompt_tokens,
            "eval_count": ended.usage.completion_tokens,
        }
        if ended.HasField("timings"):
            told["prompt_eval_duration"] = _nanoseconds(ended.timings.prompt_ms)
            told["eval_duration"] = _nanoseconds(ended.timings.decode_ms)
        return told


def _nanoseconds(milliseconds: float) -> int:
    return round(milliseconds * 1e6)
