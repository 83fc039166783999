"""Closes objects: they hold what their schemas declare, unless these say that there may be more.

A schema declares what its `properties` and `patternProperties` name, and what those name that it is
put together with by `allOf`, `anyOf`, `oneOf` and `$ref`. An explicit `additionalProperties`, or
`unevaluatedProperties`, opens it. One that declares nothing is open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.subschemas import (
    Json,
    Path,
    is_reference,
    listed,
    objects,
    pointer,
    resolved,
    within,
)

_CHOICES = ("anyOf", "oneOf")
_VALUES = ("const", "enum")
_MORE, _REST = "additionalProperties", "unevaluatedProperties"
_BUDGET = 20_000
"""How many values may be copied to put schemas together with what they refer to."""
_AGAIN = 3
"""How often one reference may lead to the next copy of what it means."""


@dataclass(frozen=True, slots=True)
class _Declared:
    """What an object may have by what was read of its schema."""

    anything: bool = False
    """Whether it declares at all, and is not just any object."""
    names: Json = field(default_factory=dict[str, Any])
    """The names, each with what else it may be: mostly true, as its own schema binds it."""
    patterns: frozenset[str] = frozenset()

    def __or__(self, other: _Declared) -> _Declared:
        return _Declared(
            self.anything or other.anything,
            {**other.names, **self.names},
            self.patterns | other.patterns,
        )


def close(root: Any) -> None:
    """Changes a parsed schema in place.

    Raises:
        GrammarError: It is too large when references are put in.
    """
    _Closer(root).walk()


class _Closer:
    """Visits each schema that stands for a value by itself, and closes what makes it up."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._pristine = deepcopy(root)
        """What references mean: what is put together with other schemas stays open itself."""
        self._budget = _BUDGET
        self._parts: set[int] = set()
        """Schemas that are visited, or only parts of one for a value."""
        self._known: dict[str, str] = {}
        """References to schemas that are put together with what they refer to, by their text: a
        schema may have itself within it."""

    def walk(self) -> None:
        open_: list[tuple[Path, Any]] = [((), self._root)]
        while open_:
            path, node = open_.pop()
            if not isinstance(node, dict):
                continue
            schema = cast("Json", node)
            if id(schema) not in self._parts and not is_reference(schema):
                self._value(path, schema)
            open_ += [(inner.path, inner.schema) for inner in within(path, schema)]

    def _value(self, path: Path, node: Json) -> None:
        """Closes the schema of a value."""
        if not _may_be_object(node):
            return
        if _refers(node):
            key = json.dumps(node)
            if key in self._known:
                node.clear()
                node["$ref"] = self._known[key]
                return
            reference = pointer(path)
            if reference is not None:
                self._known[key] = reference
        self._shut(node, _Declared(), ())

    def _shut(self, node: Json, around: _Declared, chain: tuple[str, ...]) -> None:
        """Closes a schema, with what is declared `around` it for the same value. `chain` are the
        references that led to it."""
        chain = self._unfold(node, chain)
        parts = list(_together(node))
        self._parts.update(map(id, parts))
        for part in parts[1:]:
            if _REST in part:
                self._shut(part, _Declared(), chain)
        choices = [one for part in parts for key in _CHOICES if (one := listed(part, key))]
        rest = node.pop(_REST, None)
        opened = any(_MORE in part for part in parts) or rest is True
        if opened or any(key in part for part in parts for key in _VALUES):
            self._leave(choices, chain)
            return
        here = around if rest is None else around | _Declared(anything=True)
        for part in parts:
            here = here | self._declared(part)
        if not choices:
            if here.anything and _may_be_object(node):
                _seal(node, here, parts, rest or False)
            return
        each = [self._any_of(branches) for branches in choices]
        for place, branches in enumerate(choices):
            others = here
            for index, declared in enumerate(each):
                if index != place:
                    others = others | declared
            if others.anything:
                self._shut_branches(branches, others | _required(parts), rest, chain)

    def _shut_branches(
        self, branches: list[Any], around: _Declared, rest: Any, chain: tuple[str, ...]
    ) -> None:
        for index, branch in enumerate(branches):
            if branch is True:
                branches[index] = {}
            if isinstance(branches[index], dict):
                inner = cast("Json", branches[index])
                if rest:
                    inner.setdefault(_REST, deepcopy(rest))
                self._shut(inner, around, chain)

    def _leave(self, choices: list[list[Any]], chain: tuple[str, ...]) -> None:
        """Lets what is put together with an open object be open too."""
        for branches in choices:
            for branch in branches:
                if isinstance(branch, dict):
                    inner = cast("Json", branch)
                    further = self._unfold(inner, chain)
                    parts = list(_together(inner))
                    self._parts.update(map(id, parts))
                    within = [
                        one for part in parts for key in _CHOICES if (one := listed(part, key))
                    ]
                    self._leave(within, further)

    def _unfold(self, node: Json, chain: tuple[str, ...]) -> tuple[str, ...]:
        """Puts in what a schema and those in its `allOf` refer to; gives all references so far."""
        reference = node.get("$ref")
        if isinstance(reference, str) and chain.count(reference) < _AGAIN:
            found = resolved(self._pristine, reference)
            if found is not None:
                chain = (*chain, reference)
                both = [self._copy(found[1]), *listed(node, "allOf")]
                items = [
                    ("allOf", both) if key == "$ref" else (key, value)
                    for key, value in node.items()
                    if key != "allOf"
                ]
                node.clear()
                node.update(items)
        before = len(chain)
        further: tuple[str, ...] = ()
        for part in listed(node, "allOf"):
            if isinstance(part, dict):
                further += self._unfold(cast("Json", part), chain)[before:]
        return chain + further

    def _copy(self, schema: Any) -> Any:
        self._budget -= _size(schema)
        if self._budget < 0:
            raise GrammarError("it is too large when its references are put in", limit=True)
        if not isinstance(schema, dict):
            return schema
        copied = deepcopy(cast("Json", schema))
        for keyword in ("$defs", "definitions"):
            copied.pop(keyword, None)
        return copied

    def _declared(self, part: Json) -> _Declared:
        """What one part declares by itself."""
        return _Declared(
            "properties" in part or "patternProperties" in part,
            {**self._conditional(part), **dict.fromkeys(objects(part, "properties"), True)},
            frozenset(objects(part, "patternProperties")),
        )

    def _conditional(self, part: Json) -> Json:
        """Properties that a part declares for some values only. Conditions are not enforced, but
        what they speak of may come."""
        schemas = [part[key] for key in ("then", "else") if key in part]
        schemas += objects(part, "dependentSchemas").values()
        names: dict[str, list[Any]] = {}
        for schema in schemas:
            target = schema
            if isinstance(schema, dict) and "$ref" in schema:
                found = resolved(self._pristine, cast("Json", schema)["$ref"])
                target = found[1] if found is not None else None
            if isinstance(target, dict):
                for name, inner in objects(cast("Json", target), "properties").items():
                    names.setdefault(name, []).append(deepcopy(inner))
        return {
            name: found[0] if len(found) == 1 else {"anyOf": found} for name, found in names.items()
        }

    def _any_of(self, branches: list[Any]) -> _Declared:
        """What any of some branches declares, in whatever depth."""
        all_ = _Declared()
        seen: set[str] = set()
        open_ = list(branches)
        while open_:
            node = open_.pop()
            if not isinstance(node, dict):
                continue
            schema = cast("Json", node)
            all_ = all_ | self._declared(schema)
            for key in ("allOf", *_CHOICES):
                open_ += listed(schema, key)
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                found = resolved(self._pristine, reference)
                if found is not None:
                    open_.append(found[1])
        return all_


def _together(node: Json) -> Iterator[Json]:
    """A schema and those in its `allOf`, that all hold for one value."""
    yield node
    for part in listed(node, "allOf"):
        if isinstance(part, dict):
            yield from _together(cast("Json", part))


def _refers(node: Json) -> bool:
    """Whether a schema is put together with what it refers to."""
    parts = list(_together(node))
    if any("$ref" in part for part in parts):
        return True
    choices = [one for part in parts for key in _CHOICES if (one := listed(part, key))]
    binds = ("properties", "patternProperties", _MORE, _REST)
    if len(choices) == 1 and not any(key in part for part in parts for key in binds):
        return False  # each branch stands for itself
    return any(
        "$ref" in branch or _refers(cast("Json", branch))
        for branches in choices
        for branch in branches
        if isinstance(branch, dict)
    )


def _required(parts: Iterable[Json]) -> _Declared:
    names = [name for part in parts for name in listed(part, "required") if isinstance(name, str)]
    return _Declared(names=dict.fromkeys(names, True))


def _seal(node: Json, here: _Declared, parts: list[Json], rest: Any) -> None:
    """Adds what is declared elsewhere for the same value, and lets no more in. What is required
    without being declared may be anything."""
    own = objects(node, "properties")
    names = {**here.names, **{n: True for n in _required(parts).names if n not in here.names}}
    if missing := {name: schema for name, schema in names.items() if name not in own}:
        node["properties"] = {**own, **missing}
    if here.patterns:
        added = dict.fromkeys(sorted(here.patterns), True)
        node["patternProperties"] = {**added, **objects(node, "patternProperties")}
    node[_MORE] = rest


def _may_be_object(node: Json) -> bool:
    kinds = node.get("type", "object")
    return kinds == "object" or (isinstance(kinds, list) and "object" in kinds)


def _size(schema: Any) -> int:
    count, open_ = 0, [schema]
    while open_:
        one = open_.pop()
        count += 1
        if isinstance(one, dict):
            open_ += cast("Json", one).values()
        elif isinstance(one, list):
            open_ += cast("list[Any]", one)
    return count
