"""Where a JSON Schema has further schemas within it, and what its references mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote

Json = dict[str, Any]
Path = tuple[str | int, ...]
"""The keys that lead to a place within a schema."""

BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords whose value has schemas by name."""
ONE = (
    "additionalProperties",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "unevaluatedProperties",
    "propertyNames",
    "if",
    "then",
    "else",
    "not",
)
"""Keywords whose value is one schema."""
LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
"""Keywords whose value is a list of schemas."""

ANNOTATIONS = frozenset(
    (
        "$schema",
        "$id",
        "$anchor",
        "$comment",
        "$defs",
        "definitions",
        "title",
        "description",
        "default",
        "deprecated",
        "examples",
        "example",
        "readOnly",
        "writeOnly",
    )
)
"""Keywords that ask nothing of a value."""


class Within(NamedTuple):
    """A schema within another."""

    path: Path
    holder: Any
    """What has it, under `key`: an object or a list."""
    key: Any
    schema: Any


def within(path: Path, node: Json) -> Iterator[Within]:
    """The schemas directly in one."""
    for keyword, value in list(node.items()):
        where = (*path, keyword)
        if keyword in ONE or (keyword == "items" and not isinstance(value, list)):
            yield Within(where, node, keyword, value)
        elif keyword in BY_NAME and isinstance(value, dict):
            named = cast("Json", value)
            for name, inner in list(named.items()):
                yield Within((*where, name), named, name, inner)
        elif (keyword in LIST or keyword == "items") and isinstance(value, list):
            several = cast("list[Any]", value)
            for index, inner in enumerate(several):
                yield Within((*where, index), several, index, inner)


def in_words(path: Path) -> str:
    """A path as people read it."""
    words = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return words.lstrip(".") or "the schema"


def pointer(path: Path) -> str | None:
    """The reference to a path; None if there is none that llguidance reads."""
    keys = [str(key).replace("~", "~0").replace("/", "~1") for key in path]
    return "/".join(["#", *map(quote, keys)]) if all(keys) else None


def objects(node: Json, keyword: str) -> Json:
    """What a keyword has by name; nothing if it has none, or is malformed."""
    value = node.get(keyword)
    return cast("Json", value) if isinstance(value, dict) else {}


def listed(node: Json, keyword: str) -> list[Any]:
    """What a keyword has in a list; nothing if it has none, or is malformed."""
    value = node.get(keyword)
    return cast("list[Any]", value) if isinstance(value, list) else []


def resolved(root: Any, reference: Any) -> tuple[Path, Any] | None:
    """Where a reference within a schema points, and what is there; None if nothing is, or if it
    points elsewhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    place: Any = root
    path: Path = ()
    for key in filter(None, reference[1:].split("/")):
        if isinstance(place, dict):
            named = cast("Json", place)
            name = next((one for one in (key, _decoded(key)) if one in named), None)
            if name is None:
                return None
            place, path = named[name], (*path, name)
            continue
        if not (isinstance(place, list) and key.isdecimal()):
            return None
        several = cast("list[Any]", place)
        if int(key) >= len(several):
            return None
        place, path = several[int(key)], (*path, int(key))
    return path, place


def _decoded(key: str) -> str:
    """What a part of a pointer stands for (RFC 6901)."""
    return unquote(key).replace("~1", "/").replace("~0", "~")


def is_reference(node: Any) -> bool:
    """Whether a schema is a reference and nothing else."""
    return isinstance(node, dict) and "$ref" in node and not asking(cast("Json", node)) - {"$ref"}


def asking(node: Json) -> set[str]:
    """The keywords of a schema that ask anything."""
    return set(node) - ANNOTATIONS
