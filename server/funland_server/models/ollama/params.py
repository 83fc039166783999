"""Reads the parameters that a model of Ollama's registry brings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, cast

from funland.v1.inference_pb2 import SamplingParameters

_MOST_STOPS: Final = 16
_LARGEST_CONTEXT: Final = 16_777_216
_WHOLE_CONTEXT: Final = 1_000_000

_WHOLE: Final = {
    "top_k": "top_k",
    "repeat_last_n": "penalty_window",
    "seed": "seed",
    "num_predict": "max_tokens",
}
_REAL: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "min_p": "min_p",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""By Ollama's names, those of `SamplingParameters`:
https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx"""


@dataclass(frozen=True, slots=True)
class Params:
    """What is wanted of calls and loads, and what was not understood."""

    sampling: SamplingParameters
    context_length: int | None
    passed_over: tuple[str, ...]
    """The names of parameters that are unknown, or whose values break the contract's rules."""


def read_params(values: dict[str, Any]) -> Params:
    """Never fails: what is wrong is passed over."""
    sampling = SamplingParameters()
    context: int | None = None
    passed_over: list[str] = []
    for name, value in values.items():
        if name == "num_ctx":
            context = _whole(value, 16, _LARGEST_CONTEXT)
            understood = context is not None
        elif name == "stop":
            understood = _take_stops(sampling, value)
        else:
            understood = _take(sampling, name, value)
        if not understood:
            passed_over.append(name[:80])
    return Params(sampling, context, tuple(passed_over))


def _take(sampling: SamplingParameters, name: str, value: Any) -> bool:
    """Whether the parameter is known and its value is one."""
    if name in ("num_predict", "seed") and _whole(value, -2, -1) is not None:
        return True  # until the end, or the context's; and a new seed for each call: as it is here
    if name == "repeat_last_n" and _whole(value, -1, -1) is not None:
        value = _WHOLE_CONTEXT
    if name in _WHOLE:
        field, number = _WHOLE[name], _whole(value, 0, 2**62)
    elif name in _REAL:
        field, number = _REAL[name], _real(value)
    else:
        return False
    if number is None:
        return False
    try:
        tried = SamplingParameters(**{field: number})  # type: ignore[arg-type]  # a field of it
    except ValueError:  # more than its type holds
        return False
    if _breaks_a_rule(tried):
        return False
    sampling.MergeFrom(tried)
    return True


def _take_stops(sampling: SamplingParameters, value: Any) -> bool:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops):  # pyright: ignore[reportUnknownVariableType] - anything may be in it
        return False
    tried = SamplingParameters(stop=list(dict.fromkeys(cast("list[str]", stops)))[:_MOST_STOPS])
    if _breaks_a_rule(tried):
        return False
    sampling.MergeFrom(tried)
    return True


def _breaks_a_rule(tried: SamplingParameters) -> bool:
    # What checks is a twentieth of a start, and most starts read no model of Ollama's registry.
    import protovalidate  # noqa: PLC0415 - as above

    return bool(protovalidate.collect_violations(tried))


def _whole(value: Any, least: int, most: int) -> int | None:
    number = _real(value)
    if number is None or not number.is_integer() or not least <= number <= most:
        return None
    return int(number)


def _real(value: Any) -> float | None:
    """A number, which old models have as text too."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
