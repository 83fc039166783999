"""Makes JSON of a form's texts, so that forms and JSON are read by the same functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from funland_gateway.dialects.reading import invalid

Kind = Literal["integer", "number", "boolean"]
"""What a form's text stands for, where it is no text."""

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,3})?", re.ASCII)
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_STEP: Final = re.compile(r"\[([^\[\]]*)\]")


def form_object(texts: Sequence[tuple[str, str]], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The members that a form's texts stand for.

    `languages[]=en` is an item of a list, `svg[model]=x` a member of an object, and an empty text
    none at all. What is no number, and should be, stays a text, for whoever reads it to refuse.
    Raises `CallFailed` for a name that comes twice, or in two ways.
    """
    members: dict[str, Any] = {}
    for name, text in texts:
        if text:
            _put(members, name, text, kinds)
    return members


def _put(members: dict[str, Any], name: str, text: str, kinds: Mapping[str, Kind]) -> None:
    match = _NAME.fullmatch(name)
    first, *inner = [match[1], *_STEP.findall(match[2])] if match is not None else [name]
    is_item = bool(inner) and inner[-1] == ""
    path = [first, *(inner[:-1] if is_item else inner)]
    into = members
    for step in path[:-1]:
        inside: object = into.setdefault(step, {})
        if not isinstance(inside, dict):
            raise invalid(name, "is there in two ways")
        into = cast("dict[str, Any]", inside)
    last = path[-1]
    if is_item:
        items: object = into.setdefault(last, [])
        if not isinstance(items, list):
            raise invalid(name, "is there in two ways")
        cast("list[Any]", items).append(text)
    elif last in into:
        raise invalid(name, "is there twice")
    else:
        into[last] = _value(text, kinds.get(name))


def _value(text: str, kind: Kind | None) -> Any:
    match kind:
        case "integer":
            return int(text) if _INTEGER.fullmatch(text) else text
        case "number":
            return float(text) if _NUMBER.fullmatch(text) else text
        case "boolean":
            return _BOOLEANS.get(text.lower(), text)
        case None:
            return text
