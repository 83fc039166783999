"""Takes out of JSON Schemas what asks nothing of a value and yet stops llguidance."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from funland_worker.constraints.subschemas import BY_NAME, LIST, ONE, Json, within

_ASKING: Final = frozenset(
    (
        *BY_NAME,
        *ONE,
        *LIST,
        "$ref",
        "$dynamicRef",
        "$recursiveRef",
        "const",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "dependencies",
        "dependentRequired",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
        "uniqueItems",
    )
)
"""The keywords of all drafts that may ask something of a value."""
_PLACES: Final = frozenset(("$schema", "$id", "$anchor", "$dynamicAnchor", "$defs", "definitions"))
"""Keywords that say what references and other keywords mean."""
_PUT_TOGETHER: Final = ("$ref", "allOf", "anyOf", "oneOf")
_OF_ANY_TEXT: Final = ("binary", "password", "path", "file-path", "directory-path", "multi-line")
"""Formats that say what a text is for, and not how it is written."""
_DRAFT: Final = re.compile(r"https?://json-schema\.org/draft[-/][\d-]+/schema#?")


def settle_unasked(root: Any) -> None:
    """Changes a parsed schema in place. Beside references to what they are part of, llguidance
    takes no word that it does not know; nor ever a `$schema` but those of the drafts."""
    open_, met = [root], list[Json]()
    while open_:
        node = open_.pop()
        if isinstance(node, dict):
            schema = cast("Json", node)
            open_ += [inner.schema for inner in within((), schema)]
            met.append(schema)
    places = {key for node in met for key in str(node.get("$ref", "")).split("/")}
    for node in met:
        named = node.get("$schema")
        if named is not None and not (isinstance(named, str) and _DRAFT.fullmatch(named)):
            del node["$schema"]
        if node.get("format") in _OF_ANY_TEXT:
            del node["format"]
        if any(keyword in node for keyword in _PUT_TOGETHER):
            for keyword in node.keys() - _ASKING - _PLACES - places:
                del node[keyword]
