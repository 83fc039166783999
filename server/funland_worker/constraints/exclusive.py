"""Makes choices of exactly one schema choices of any, where a property tells which one it is.

Programs write unions like that: each schema has a property with constants of its own. llguidance
alone sees that they are exclusive only if the property is required and no schema has itself within.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, cast

from funland_worker.constraints.subschemas import Json, listed, objects, resolved, within

_KINDS: Final = {
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
    "array": "array",
    "object": "object",
}
_ANY: Final = frozenset(_KINDS.values())
_CHOICES: Final = ("anyOf", "oneOf")

_Tags = dict[str, frozenset[str]]
"""Properties whose value is one of some texts, with these."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What is known of all values of a schema."""

    kinds: frozenset[str] = _ANY
    """There may be fewer."""
    tags: _Tags = field(default_factory=_Tags)
    """The tags that they have if they are objects, be they required or not."""


def settle_exclusive(root: Any, *, lenient: bool = False) -> None:
    """Changes a parsed schema in place. The property that tells is required: without it nobody
    could say which schema is meant. `lenient` makes all choices of one choices of any."""
    reader = _Reader(root)
    choices: list[Json] = []
    open_: list[Any] = [root]
    while open_:
        node = open_.pop()
        if isinstance(node, dict):
            schema = cast("Json", node)
            open_ += [inner.schema for inner in within((), schema)]
            if any(listed(schema, keyword) for keyword in _CHOICES):
                choices.append(schema)
    for schema in choices:
        branches = listed(schema, "oneOf")
        named = objects(schema, "discriminator").get("propertyName")
        tag = named if isinstance(named, str) else reader.tag(branches)
        if tag is not None:
            reader.require(tag, branches or listed(schema, "anyOf"))
        if branches and "anyOf" not in schema and (lenient or reader.exclusive(branches, tag)):
            items = [("anyOf" if key == "oneOf" else key, value) for key, value in schema.items()]
            schema.clear()
            schema.update(items)


class _Reader:
    """Reads what schemas mean, each reference once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[str, _Meaning] = {}

    def tag(self, branches: Sequence[Any]) -> str | None:
        """The first property that tells of an object which of several schemas it is of."""
        each = self._tags_of_objects(branches)
        shared = each[0] if len(each) > 1 else {}
        return next((name for name in shared if _tells(name, each)), None)

    def exclusive(self, branches: Sequence[Any], tag: str | None) -> bool:
        """Whether no value can be of two schemas, if objects have the tag."""
        often = Counter(kind for branch in branches for kind in self._meaning(branch).kinds)
        if any(count > 1 for kind, count in often.items() if kind != "object"):
            return False
        return often["object"] <= 1 or (
            tag is not None and _tells(tag, self._tags_of_objects(branches))
        )

    def require(self, tag: str, schemas: Iterable[Any]) -> None:
        """Makes a property required wherever it is declared for a value of the schemas."""
        open_, seen = list(schemas), set[int]()
        while open_:
            node = open_.pop()
            if not isinstance(node, dict) or id(cast("Json", node)) in seen:
                continue
            schema = cast("Json", node)
            seen.add(id(schema))
            required = schema.get("required", [])
            if tag in objects(schema, "properties") and isinstance(required, list):
                names = cast("list[Any]", required)
                schema["required"] = names if tag in names else [tag, *names]
            found = resolved(self._root, schema.get("$ref"))
            open_ += [] if found is None else [found[1]]
            open_ += [one for key in ("allOf", *_CHOICES) for one in listed(schema, key)]

    def _tags_of_objects(self, branches: Sequence[Any]) -> list[_Tags]:
        meanings = map(self._meaning, branches)
        return [meaning.tags for meaning in meanings if "object" in meaning.kinds]

    def _meaning(self, schema: Any) -> _Meaning:
        if not isinstance(schema, dict):
            return _Meaning()
        node = cast("Json", schema)
        meaning = _Meaning(_kinds(node), dict(_tags(node)))
        reference = node.get("$ref")
        if isinstance(reference, str):
            meaning = _both(meaning, self._referred(reference))
        for part in listed(node, "allOf"):
            meaning = _both(meaning, self._meaning(part))
        for keyword in _CHOICES:
            if branches := listed(node, keyword):
                meaning = _both(meaning, reduce(_either, map(self._meaning, branches)))
        return meaning

    def _referred(self, reference: str) -> _Meaning:
        if reference not in self._known:
            self._known[reference] = _Meaning()  # within itself
            if (found := resolved(self._root, reference)) is not None:
                self._known[reference] = self._meaning(found[1])
        return self._known[reference]


def _kinds(node: Json) -> frozenset[str]:
    given = node.get("type")
    names = cast("list[Any]", given) if isinstance(given, list) else [given]
    kinds = [_KINDS.get(name) if isinstance(name, str) else None for name in names]
    return _ANY if None in kinds else frozenset(kind for kind in kinds if kind)


def _tags(node: Json) -> Iterator[tuple[str, frozenset[str]]]:
    for name, schema in objects(node, "properties").items():
        if isinstance(schema, dict):
            own = cast("Json", schema)
            values = [own["const"]] if "const" in own else listed(own, "enum")
            if values and all(isinstance(value, str) for value in values):
                yield name, frozenset(values)


def _both(one: _Meaning, other: _Meaning) -> _Meaning:
    """What is both."""
    return _Meaning(one.kinds & other.kinds, {**other.tags, **one.tags})


def _either(one: _Meaning, other: _Meaning) -> _Meaning:
    """What is one or the other."""
    kinds = one.kinds | other.kinds
    if "object" not in one.kinds:
        return _Meaning(kinds, other.tags)
    if "object" not in other.kinds:
        return _Meaning(kinds, one.tags)
    shared = [name for name in one.tags if name in other.tags]
    return _Meaning(kinds, {name: one.tags[name] | other.tags[name] for name in shared})


def _tells(tag: str, each: Sequence[_Tags]) -> bool:
    """Whether all have the tag, and no two the same text in it."""
    often = Counter(value for tags in each for value in tags.get(tag, ()))
    return all(tag in tags for tags in each) and set(often.values()) <= {1}
