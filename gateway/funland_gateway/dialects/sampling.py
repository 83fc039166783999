"""Reads sampling parameters under the names that a dialect gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.reading import JsonObject, malformed, number
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    array_of,
    described,
)

_SAMPLING_PATH = re.compile(r"sampling\.(\w+)")


@dataclass(frozen=True, slots=True)
class Sampling:
    """The parameters of a request, and the names under which it gave them."""

    parameters: inference_pb2.SamplingParameters
    names: Mapping[str, str]
    """Names in the dialect by names in the contract."""

    def field_name(self, path: str) -> str:
        """What the request calls a field of the contract: `sampling.top_p` is `top_p` there."""
        return _SAMPLING_PATH.sub(lambda match: self.names.get(match[1], match[1]), path)


def read_sampling(body: JsonObject, names: Mapping[str, str]) -> Sampling:
    """Reads the parameters that `names` lists, the contract's names by the dialect's.

    Where several names mean one parameter, the first that the body has counts.
    """
    values: dict[str, Any] = {}
    used: dict[str, str] = {}
    for name, field in names.items():
        if field not in used and body.raw(name) is not None:
            values[field] = _KINDS[field].read(body, name)
            used[field] = name
    return Sampling(inference_pb2.SamplingParameters(**values), used)


def sampling_schemas(names: Mapping[str, str]) -> dict[str, JsonSchema]:
    """The schemas of the parameters that `names` lists."""
    return {
        name: described(_KINDS[field].schema, f"`SamplingParameters.{field}` of the contract.")
        for name, field in names.items()
    }


def _seed(body: JsonObject, name: str) -> int | None:
    return body.integer(name, bits=64)


def _logit_bias(body: JsonObject, name: str) -> dict[int, float]:
    biases = JsonObject.read(body.raw(name), body.path_of(name))
    return {
        _token(token, path=body.path_of(name)): number(bias, f"{body.path_of(name)}[{token}]")
        for token, bias in biases.items()
    }


def _token(text: str, path: str) -> int:
    # Nine digits fit the wire's int32; int() alone would take "+1" and "1_0" too.
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise malformed(path, "an object whose keys are token ids")
    return int(text)


@dataclass(frozen=True, slots=True)
class _Kind:
    read: Callable[[JsonObject, str], Any]
    schema: JsonSchema


_NUMBER = _Kind(JsonObject.number, NUMBER)
_INTEGER = _Kind(JsonObject.integer, INTEGER)

_KINDS: Final[Mapping[str, _Kind]] = {
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": _INTEGER,
    "min_p": _NUMBER,
    "frequency_penalty": _NUMBER,
    "presence_penalty": _NUMBER,
    "repetition_penalty": _NUMBER,
    "penalty_window": _INTEGER,
    "seed": _Kind(_seed, INTEGER),
    "stop": _Kind(JsonObject.strings, any_of(STRING, array_of(STRING))),
    "max_tokens": _INTEGER,
    "logit_bias": _Kind(_logit_bias, {"type": "object", "additionalProperties": NUMBER}),
    "ignore_end": _Kind(JsonObject.boolean, BOOLEAN),
}

EVERY_PARAMETER: Final[Mapping[str, str]] = {field: field for field in _KINDS}
"""For a dialect that calls the parameters as the contract does."""
