"""Makes JSON Schemas ready for llguidance, which reads numbers as floats and regular expressions
without what looks around."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, cast

from llguidance import LLMatcher

from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.subschemas import listed, objects

_LARGEST_EXACT = 2**53
"""The integers up to which floats tell all apart."""
_LOWEST = math.nextafter(-(2.0**63), 0)
"""Below it llguidance finds no way to write a bound."""
_LARGEST_DIVISOR = 10_000
"""Telling the multiples of larger ones takes an automaton of too many states."""

_SCHEMAS_BY_NAME = frozenset(
    ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
)
_COUNTS = ("minProperties", "maxProperties")
_CONSTANTS = ("const", "enum")
_LOWER, _UPPER = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
_OPTIONS = "x-guidance"
"""Where llguidance reads options, which are not the caller's to set."""

_UNREADABLE = ("regex parse error", "lookarounds not supported")
"""How llguidance's words begin for a pattern that is not of its kind."""


def settle(schema: Any, *, lenient: bool = False) -> None:
    """Changes a parsed schema in place. Bounds that floats can't hold are drawn closer, by less
    than one in 2^52. `lenient` leaves out constants, divisors and patterns that can't be enforced.

    Raises:
        GrammarError: A constant can't be written exactly, and it is not `lenient`.
    """
    open_: list[tuple[str, Any]] = [("", schema)]
    while open_:
        path, node = open_.pop()
        if isinstance(node, list):
            each = enumerate(cast("list[Any]", node))
            open_ += [(f"{path}[{index}]", inner) for index, inner in each]
        elif isinstance(node, dict):
            open_ += _settle_one(path, cast("dict[str, Any]", node), lenient=lenient)


def _settle_one(path: str, node: dict[str, Any], *, lenient: bool) -> Iterator[tuple[str, Any]]:
    """Settles a schema but for those within it, which it gives with where they are."""
    node.pop(_OPTIONS, None)
    if lenient:
        _leave_out(node)
    for key, value in list(node.items()):
        where = f"{path}.{key}" if path else key
        if key in _CONSTANTS:
            if not _is_exact(value):
                raise GrammarError(
                    f"{where} has an integer beyond 2^53, which can't be told from its neighbours;"
                    " make it a string"
                )
        elif key in (*_LOWER, *_UPPER):
            if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
                _bound(node, key, value, where)
        elif key in _SCHEMAS_BY_NAME and isinstance(value, dict):
            named = cast("dict[str, Any]", value)
            for name, inner in list(named.items()):
                if lenient and key == "patternProperties" and not _is_pattern(name):
                    del named[name]
                else:
                    yield f"{where}.{name}", inner
        elif isinstance(value, dict | list):
            yield where, value


def _leave_out(node: dict[str, Any]) -> None:
    for key, value in list(node.items()):
        if _is_beyond(key, value) or (key in _COUNTS and _may_lack_some(node)):
            del node[key]


def _may_lack_some(node: dict[str, Any]) -> bool:
    """Whether an object may do without some of its properties: then llguidance counts none."""
    required = listed(node, "required")
    return any(name not in required for name in objects(node, "properties"))


def _bound(node: dict[str, Any], key: str, value: int, where: str) -> None:
    try:
        node[key] = _inward(value, up=key in _LOWER)
    except OverflowError:
        if (value < 0) != (key in _LOWER):
            raise GrammarError(f"{where} is beyond all numbers") from None
        del node[key]  # it bounds nothing


def _is_beyond(keyword: str, value: Any) -> bool:
    """Whether llguidance can't enforce a keyword, or not at a price that anyone would pay."""
    match keyword, value:
        case (("const" | "enum"), _):
            return not _is_exact(value)
        case "multipleOf", int() | float():
            return value > _LARGEST_DIVISOR
        case "pattern", str():
            return not _is_pattern(value)
        case _:
            return False


def _is_pattern(text: str) -> bool:
    """Whether llguidance reads a regular expression, be it too large for it or not."""
    schema = json.dumps({"type": "string", "pattern": text})
    problem = LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(schema))
    return not problem.startswith(_UNREADABLE)


def _is_exact(value: Any) -> bool:
    """Whether floats hold all integers in a value."""
    open_ = [value]
    while open_:
        one = open_.pop()
        if isinstance(one, int) and abs(one) > _LARGEST_EXACT:
            return False
        if isinstance(one, list):
            open_ += cast("list[Any]", one)
        elif isinstance(one, dict):
            open_ += cast("dict[str, Any]", one).values()
    return True


def _inward(bound: int, *, up: bool) -> int:
    """The nearest float on one side of an integer, as an integer."""
    near = float(bound)
    if up and int(near) < bound:
        near = math.nextafter(near, math.inf)
    elif not up and int(near) > bound:
        near = math.nextafter(near, -math.inf)
    return int(max(near, _LOWEST))
