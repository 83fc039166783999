"""Reads biases of tokens: OpenAI's object, or llama-server's list of pairs."""

from __future__ import annotations

import re
from typing import Final, cast

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.reading import JsonObject, malformed, number, token_ids
from funland_gateway.dialects.schemas import TOKEN, any_of, array_of

# Nine digits fit the wire's int32; int() alone would take "+1" and "1_0" too.
_TOKEN: Final = re.compile("[0-9]{1,9}")

_BAN: Final = -100.0  # the contract's least, which bans a token


def read_logit_bias(body: JsonObject, name: str) -> dict[int, float]:
    """The biases by token id; `false` for one bans the token, as llama-server has it."""
    path = body.path_of(name)
    value = body.raw(name)
    if isinstance(value, list):
        pairs = cast("list[object]", value)
        return dict(_pair(pair, f"{path}[{index}]") for index, pair in enumerate(pairs))
    biases = JsonObject.read(value, path)
    return {_token(token, path): _bias(bias, f"{path}[{token}]") for token, bias in biases.items()}


def bias_schema(biases: JsonSchema) -> JsonSchema:
    """The schema of what is read here, by that of the contract's field."""
    bias = any_of(biases["additionalProperties"], {"const": False})
    pair = {"type": "array", "prefixItems": [TOKEN, bias], "minItems": 2, "maxItems": 2}
    return any_of(
        {
            **biases,
            "propertyNames": {"pattern": f"^{_TOKEN.pattern}$"},
            "additionalProperties": bias,
        },
        array_of(pair),
    )


def _pair(value: object, path: str) -> tuple[int, float]:
    pair = cast("list[object]", value) if isinstance(value, list) else []
    if len(pair) != 2:  # noqa: PLR2004 - it is a pair
        raise malformed(path, "a pair of a token id and a bias")
    [token] = token_ids(pair[:1], path)
    return token, _bias(pair[1], f"{path}[1]")


def _token(text: str, path: str) -> int:
    if not _TOKEN.fullmatch(text):
        raise malformed(path, "an object whose keys are token ids")
    return int(text)


def _bias(value: object, path: str) -> float:
    return _BAN if value is False else number(value, path)
