"""What `prompt` and `input` may hold: a text, a list of tokens, or a list of either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from funland_gateway.dialects.reading import (
    JsonObject,
    invalid,
    malformed,
    missing,
    token_ids,
    unsupported,
)

_WANTED = "a string, a list of token ids or a list of both"


@dataclass(frozen=True, slots=True)
class Input:
    """One text of a request: as text, or as tokens."""

    path: str
    """Where it stands in the request, such as `input[1]`."""
    text: str = ""
    tokens: Sequence[int] = ()
    """At least one, or the text is not empty, where it may not be that."""


def read_inputs(
    body: JsonObject, name: str, most: int, *, may_be_empty: bool = False
) -> list[Input]:
    """The texts of a field that must be there, at least one and at most `most`.

    A list of integers is one text, as its tokens. llama-server's object with a `prompt_string` is
    that text. What is empty is refused, unless it `may_be_empty`: there is nothing to read in it.
    """
    path = body.path_of(name)
    value = body.raw(name)
    if value is None:
        raise missing(path)
    if value == "" and may_be_empty:
        return [Input(path)]
    if not isinstance(value, list):
        return [_input(value, path)]
    items = cast("list[Any]", value)
    if not 0 < len(items) <= most and not _is_number(items[:1]):
        raise invalid(path, f"must have 1 to {most} items")
    if _is_number(items[:1]):
        return [Input(path, tokens=token_ids(items, path))]
    return [_input(item, f"{path}[{index}]") for index, item in enumerate(items)]


def _is_number(first: Sequence[Any]) -> bool:
    """Whether a list that begins so is one of tokens."""
    return any(isinstance(item, int | float) for item in first)


def _input(value: object, path: str) -> Input:
    match value:
        case str():
            if not value:
                raise invalid(path, "must not be empty")
            return Input(path, text=value)
        case list():
            tokens = token_ids(cast("object", value), path)
            if not tokens:
                raise invalid(path, "must have at least one token")
            return Input(path, tokens=tokens)
        case dict():
            return _object(JsonObject.read(cast("object", value), path))
        case _:
            raise malformed(path, _WANTED)


def _object(value: JsonObject) -> Input:
    for name in ("multimodal_data", "content"):
        if value.raw(name):
            raise unsupported(value.path_of(name), "send a text, or tokens.")
    path = value.path_of("prompt_string")
    if not value.string("prompt_string"):
        raise invalid(path, "must not be empty")
    return Input(path, text=value.string("prompt_string"))
