"""Finds what no value can be, before a text begins that could not end.

Not all that contradicts itself is found: patterns and `multipleOf` are the compiler's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from funland_worker.constraints.bounds import (
    SIZES,
    Fault,
    Part,
    Parts,
    fault_of_bounds,
    fault_of_constants,
    sizes,
)
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.subschemas import (
    Json,
    Path,
    in_words,
    listed,
    objects,
    resolved,
    within,
)

_CHOICES = ("anyOf", "oneOf")
_STEPS = 20_000
"""How many schemas are looked at; what is not found by then the compiler may find."""
_NEVER = "it is false, but a value must come"
_KINDS = {
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
    "array": "array",
    "object": "object",
}
_Skipped = frozenset[tuple[int, str]]
"""Keywords that are looked at elsewhere, with the identity of what has them."""


def settle_contradictions(root: Any) -> None:
    """Changes a parsed schema in place: what nothing can be, but need not be, is false.

    Raises:
        GrammarError: Nothing can be what the schema asks for.
    """
    finder = _Finder(root)
    if fault := finder.fault((Part((), root),)):
        raise GrammarError(f"{in_words(fault.path)}: {fault.why}")
    open_: list[tuple[Path, Any]] = [((), root)]
    while open_:
        path, node = open_.pop()
        if not isinstance(node, dict):
            continue
        for inner in within(path, cast("Json", node)):
            if inner.schema is not False and finder.fault((Part(inner.path, inner.schema),)):
                inner.holder[inner.key] = False
            else:
                open_.append((inner.path, inner.schema))


class _OutOfStepsError(Exception):
    pass


class _Finder:
    """Looks for a value. A schema within itself needs another way to end."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = _STEPS
        self._able: set[Any] = set()
        """What there is a value for."""
        self._open: set[Any] = set()
        """What is looked at: a value must do without it."""

    def fault(self, parts: Parts) -> Fault | None:
        """Why no value is all that the parts say; None if there is one, or if it is not clear."""
        try:
            return self._fault(parts, frozenset())
        except _OutOfStepsError:
            self._open.clear()
            return None

    def _fault(self, parts: Parts, skipped: _Skipped) -> Fault | None:
        self._steps -= 1
        if self._steps < 0:
            raise _OutOfStepsError
        spread: Parts = tuple(self._spread(parts, set()))
        for part in spread:
            if part.schema is False:
                return Fault(part.path, _NEVER)
        key = (frozenset(id(part.schema) for part in spread), skipped)
        if key in self._able:
            return None
        if key in self._open:
            return Fault(spread[0].path, "it must have itself within it, without end")
        self._open.add(key)
        fault = self._look(spread, skipped)
        self._open.discard(key)
        if fault is None:
            self._able.add(key)
        return fault

    def _spread(self, parts: Parts, seen: set[str]) -> Iterator[Part]:
        """The parts, with those that they are put together with."""
        for path, schema in parts:
            if schema is False:
                yield Part(path, schema)
            if not isinstance(schema, dict):
                continue
            node = cast("Json", schema)
            yield Part(path, node)
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                if (found := resolved(self._root, reference)) is not None:
                    yield from self._spread((Part(*found),), seen)
            all_of = listed(node, "allOf")
            each = (Part((*path, "allOf", i), one) for i, one in enumerate(all_of))
            yield from self._spread(tuple(each), seen)

    def _look(self, parts: Parts, skipped: _Skipped) -> Fault | None:
        kinds = set(_KINDS.values())
        faults: list[Fault] = []
        for part in parts:
            if "type" in part.schema:
                given = part.schema["type"]
                names = cast("list[Any]", given) if isinstance(given, list) else [given]
                if not all(isinstance(name, str) and name in _KINDS for name in names):
                    continue  # it is no schema, which the compiler says better
                kinds &= {_KINDS[name] for name in names}
                if not kinds:
                    return Fault((*part.path, "type"), "no type is left that a value may have")
        constant, fault = fault_of_constants(parts)
        if constant:
            return fault
        for kind in sorted(kinds):
            if fault := self._fault_of(kind, parts):
                faults.append(fault)
                kinds.discard(kind)
        if not kinds:
            return faults[0]
        return self._fault_of_choices(parts, skipped)

    def _fault_of(self, kind: str, parts: Parts) -> Fault | None:
        if kind == "number":
            return fault_of_bounds(parts)
        if kind not in SIZES:
            return None
        least, most, fault = sizes(parts, *SIZES[kind])
        if fault is None and kind == "array" and least:
            return self._fault_of_items(parts, least)
        if fault is None and kind == "object":
            return self._fault_of_properties(parts, least, most)
        return fault

    def _fault_of_items(self, parts: Parts, least: int) -> Fault | None:
        longest = max(len(_prefix(part.schema)[0]) for part in parts)
        for place in range(min(least, longest + 1)):
            items: list[Part] = []
            for part in parts:
                keyword, (prefix, rest) = _prefix_keyword(part.schema), _prefix(part.schema)
                if place < len(prefix):
                    items.append(Part((*part.path, keyword, place), prefix[place]))
                else:
                    items.append(Part((*part.path, "items"), rest))
            if fault := self._fault(tuple(items), frozenset()):
                return fault
        return None

    def _fault_of_properties(self, parts: Parts, least: int, most: float) -> Fault | None:
        required = {
            name: (*part.path, "required")
            for part in parts
            for name in listed(part.schema, "required")
            if isinstance(name, str)
        }
        if len(required) > most:
            place = next(iter(required.values()))
            return Fault(place, "it requires more properties than maxProperties lets in")
        for name, place in required.items():
            if fault := self._fault(_property(parts, name), frozenset()):
                if fault.why == _NEVER:
                    return Fault(place, f"property {name!r} is required, but can't be there")
                return fault
        for part in parts:
            closed = part.schema.get("additionalProperties") is False
            names = objects(part.schema, "properties")
            if closed and not objects(part.schema, "patternProperties") and least > len(names):
                return Fault(part.path, "minProperties asks for more properties than it may have")
        return None

    def _fault_of_choices(self, parts: Parts, skipped: _Skipped) -> Fault | None:
        for part in parts:
            for keyword in _CHOICES:
                branches = part.schema.get(keyword)
                mark = (id(part.schema), keyword)
                if not isinstance(branches, list) or mark in skipped:
                    continue
                path = (*part.path, keyword)
                first: Fault | None = None
                for index, branch in enumerate(cast("list[Any]", branches)):
                    with_it = (*parts, Part((*path, index), branch))
                    fault = self._fault(with_it, skipped | {mark})
                    if fault is None:
                        break
                    first = first or fault
                else:
                    return first or Fault(path, "it has no schemas to choose from")
        return None


def _prefix_keyword(schema: Json) -> str:
    return "items" if isinstance(schema.get("items"), list) else "prefixItems"


def _prefix(schema: Json) -> tuple[list[Any], Any]:
    """The schemas of an array's first items, and of the rest."""
    if isinstance(schema.get("items"), list):
        return listed(schema, "items"), schema.get("additionalItems", True)
    return listed(schema, "prefixItems"), schema.get("items", True)


def _property(parts: Parts, name: str) -> Parts:
    """What holds for a property, by name, by pattern or because it is neither."""
    found: list[Part] = []
    for part in parts:
        named = objects(part.schema, "properties")
        if name in named:
            found.append(Part((*part.path, "properties", name), named[name]))
        matching = [
            Part((*part.path, "patternProperties", pattern), schema)
            for pattern, schema in objects(part.schema, "patternProperties").items()
            if _matches(pattern, name)
        ]
        found += matching
        if name not in named and not matching and "additionalProperties" in part.schema:
            path = (*part.path, "additionalProperties")
            found.append(Part(path, part.schema["additionalProperties"]))
    return tuple(found)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return True
