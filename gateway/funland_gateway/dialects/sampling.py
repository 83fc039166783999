"""Reads sampling parameters under the names that a dialect gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.logit_bias import bias_schema, read_logit_bias
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.schemas import INTEGER, any_of, described

_SEED: Final = {**INTEGER, "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}

_SAMPLING_PATH = re.compile(r"sampling\.(\w+)")
_FIELDS = inference_pb2.SamplingParameters.DESCRIPTOR.fields_by_name

MINUS_ONE: Final[Mapping[str, int | None]] = {
    "top_k": 0,  # keep all
    "penalty_window": 1_000_000,  # the whole context: the contract's most
    "max_tokens": None,  # until the model ends
    "seed": None,  # another for each call
}
"""What -1 means to the servers whose clients send it, by the contract's fields; None: unset."""


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

    Where several names mean one parameter, the first that the body has counts. A seed is any
    64-bit integer, as OpenAI has it: it is folded to 32.
    """
    values: dict[str, Any] = {}
    used: dict[str, str] = {}
    for name, field in names.items():
        if field not in used and body.raw(name) is not None:
            value = _READERS[field](body, name)
            values[field] = MINUS_ONE[field] if value == -1 and field in MINUS_ONE else value
            used[field] = name
    return Sampling(inference_pb2.SamplingParameters(**values), used)


def sampling_schemas(names: Mapping[str, str]) -> dict[str, JsonSchema]:
    """The schemas of the parameters that `names` lists."""
    return {
        name: described(_schema(field), f"`SamplingParameters.{field}` of the contract.")
        for name, field in names.items()
    }


def _schema(field: str) -> JsonSchema:
    schema = field_schema(_FIELDS[field])
    if field == "seed":
        return _SEED
    if field == "logit_bias":
        return bias_schema(schema)
    if field in MINUS_ONE:
        return {**schema, "minimum": -1}
    if _READERS[field] is JsonObject.strings:
        return any_of(schema["items"], schema)
    return schema


def _seed(body: JsonObject, name: str) -> int | None:
    seed = body.integer(name, bits=64)
    return seed if seed is None or seed == -1 else seed & 0xFFFFFFFF


_READERS: Final[Mapping[str, Callable[[JsonObject, str], Any]]] = {
    "temperature": JsonObject.number,
    "top_p": JsonObject.number,
    "top_k": JsonObject.integer,
    "min_p": JsonObject.number,
    "frequency_penalty": JsonObject.number,
    "presence_penalty": JsonObject.number,
    "repetition_penalty": JsonObject.number,
    "penalty_window": JsonObject.integer,
    "seed": _seed,
    "stop": JsonObject.strings,
    "max_tokens": JsonObject.integer,
    "logit_bias": read_logit_bias,
    "ignore_end": JsonObject.boolean,
    "min_tokens": JsonObject.integer,
    "stop_tokens": JsonObject.token_ids,
    "allowed_tokens": JsonObject.token_ids,
    "banned_texts": JsonObject.strings,
    "include_stop": JsonObject.boolean,
}

EVERY_PARAMETER: Final[Mapping[str, str]] = {field: field for field in _READERS}
"""For a dialect that calls the parameters as the contract does."""
