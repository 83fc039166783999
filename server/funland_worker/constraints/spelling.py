"""Reads what schemas are written like elsewhere: OpenAPI 3.0's, those of earlier drafts, and what
libraries make of types."""

from __future__ import annotations

import re
from typing import Any, cast

from funland_worker.constraints.subschemas import ANNOTATIONS, Json, within

_NULL: Json = {"type": "null"}
_MAY_BE_NULL = ("const", "default", "example")
"""Keywords whose value may be null; elsewhere that is what some serializers make of none."""
_SIZES = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_STANDARD_FORMATS = frozenset(
    (
        *("date-time", "date", "time", "duration", "email", "idn-email", "hostname"),
        *("idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid"),
        *("uri-template", "json-pointer", "relative-json-pointer", "regex"),
    )
)
"""All others are annotations: by the standard nobody has to know them."""
_SAME_PATTERN = {
    # pydantic's Decimal
    r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$": r"^[+-]?(\d+\.?\d*|\.\d+)$",
    # zod's email
    r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@"
    r"([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$": r"^([A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*"
    r"[A-Za-z0-9_+\-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
}
"""Patterns of well-known libraries that look around, each with one that takes the same texts."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def settle_spelling(root: Any) -> None:
    """Changes a parsed schema in place, to one that says the same in the words of draft 2020-12."""
    if not isinstance(root, dict):
        return
    open_: list[Any] = [root]
    while open_:
        node = open_.pop()
        if not isinstance(node, dict):
            continue
        schema = cast("Json", node)
        _settle_one(schema)
        for inner in within((), schema):
            if _is_never(inner.schema):
                inner.holder[inner.key] = False
            else:
                open_.append(inner.schema)


def _settle_one(node: Json) -> None:
    for keyword, value in list(node.items()):
        if (value is None and keyword not in _MAY_BE_NULL) or _is_annotation(keyword, value):
            del node[keyword]
        elif keyword in _SIZES and isinstance(value, float) and value.is_integer():
            node[keyword] = int(value)
        elif keyword == "pattern" and isinstance(value, str):
            node[keyword] = _SAME_PATTERN.get(value) or _ESCAPE.sub(_escape, value)
    if node.pop("nullable", False) is True:
        _let_be_null(node)


def _is_annotation(keyword: str, value: Any) -> bool:
    """Whether a keyword asks nothing by its value, which llguidance would refuse."""
    return keyword == "format" and isinstance(value, str) and value not in _STANDARD_FORMATS


def _escape(found: re.Match[str]) -> str:
    """An escape; elsewhere than in Rust those of angle brackets mean the brackets."""
    return found[1] if found[1] in "<>" else found[0]


def _let_be_null(node: Json) -> None:
    """Does what OpenAPI 3.0 means by `nullable`."""
    if "$ref" in node or "allOf" in node or "const" in node:
        asked = {key: node.pop(key) for key in list(node) if key not in ANNOTATIONS}
        node["anyOf"] = [asked, dict(_NULL)]
        return
    kinds = node.get("type")
    if isinstance(kinds, str | list):
        several = [kinds] if isinstance(kinds, str) else cast("list[Any]", kinds)
        node["type"] = several if "null" in several else [*several, "null"]
    values = node.get("enum")
    if isinstance(values, list) and None not in values:
        node["enum"] = [*cast("list[Any]", values), None]
    for keyword in ("anyOf", "oneOf"):
        branches = node.get(keyword)
        if isinstance(branches, list) and _NULL not in branches:
            node[keyword] = [*cast("list[Any]", branches), dict(_NULL)]


def _is_never(schema: Any) -> bool:
    """Whether a schema is not what anything is, as zod's `never` is written."""
    if not isinstance(schema, dict):
        return False
    node = cast("Json", schema)
    return "not" in node and (node["not"] is True or node["not"] == {})
