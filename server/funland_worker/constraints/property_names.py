"""Turns what a schema asks of the names of properties into properties and patterns."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any, cast

from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.subschemas import (
    Json,
    Path,
    asking,
    in_words,
    objects,
    resolved,
    within,
)

_KEYWORD = "propertyNames"
_FOLLOWED = 16
"""How many references in a row are followed."""


def settle_names(root: Any, *, lenient: bool = False) -> None:
    """Changes a parsed schema in place so that it has no `propertyNames`. `lenient` leaves out
    those that can't be told in another way.

    Raises:
        GrammarError: One can't, and it is not `lenient`.
    """
    open_: list[tuple[Path, Any]] = [((), root)]
    while open_:
        path, node = open_.pop()
        if not isinstance(node, dict):
            continue
        schema = cast("Json", node)
        if _KEYWORD in schema and not _told(root, schema) and not lenient:
            raise GrammarError(
                f"{in_words((*path, _KEYWORD))} asks for what can't be enforced; an enum, a const,"
                " a pattern or lengths can be, without patternProperties beside them"
            )
        open_ += [(inner.path, inner.schema) for inner in within(path, schema)]


def _told(root: Any, node: Json) -> bool:
    """Takes `propertyNames` out of a schema; whether what it asks is told by other keywords."""
    asked = _followed(root, node.pop(_KEYWORD))
    if asked is False:
        _hold(node, dict.fromkeys(objects(node, "properties"), False))
        return True
    if not isinstance(asked, dict):
        return asked is True
    names = cast("Json", asked)
    kinds = names.get("type", "string")
    strings = kinds == "string" or (isinstance(kinds, list) and "string" in kinds)
    return strings and _told_of_strings(node, names)


def _told_of_strings(node: Json, names: Json) -> bool:
    asks = asking(names) - {"type"}
    if not asks:
        return True
    if "patternProperties" in node:
        return False
    if asks in ({"enum"}, {"const"}):
        values = names["enum"] if "enum" in names else [names["const"]]
        return isinstance(values, list) and _as_properties(node, cast("list[Any]", values))
    if asks == {"pattern"}:
        return _as_pattern(node, names["pattern"])
    if asks <= {"minLength", "maxLength"}:
        least, most = names.get("minLength", 0), names.get("maxLength", "")
        return _as_pattern(node, rf"^[\s\S]{{{least},{most}}}$")
    return False


def _followed(root: Any, schema: Any) -> Any:
    for _ in range(_FOLLOWED):
        if not (isinstance(schema, dict) and asking(cast("Json", schema)) == {"$ref"}):
            break
        found = resolved(root, cast("Json", schema)["$ref"])
        schema = found[1] if found is not None else None
    return cast("Any", schema)


def _as_properties(node: Json, names: list[Any]) -> bool:
    declared, others = objects(node, "properties"), _others(node)
    allowed = {name: schema for name, schema in declared.items() if name in names}
    if others is not False:
        for name in names:
            if isinstance(name, str) and name not in allowed:
                allowed[name] = deepcopy(others)
    _hold(node, allowed)
    return True


def _as_pattern(node: Json, pattern: Any) -> bool:
    try:
        fits = re.compile(pattern).search
    except (re.error, TypeError):
        return False
    others = _others(node)
    _hold(node, {name: s for name, s in objects(node, "properties").items() if fits(name)})
    if others is not False:
        node["patternProperties"] = {pattern: others}
    return True


def _others(node: Json) -> Any:
    """What properties that are not declared may be."""
    return node.get("additionalProperties", "properties" not in node)


def _hold(node: Json, properties: Json) -> None:
    node["properties"] = properties
    node["additionalProperties"] = False
