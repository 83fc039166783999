"""Writes all references within a schema in the one way that the rest of Funland and llguidance
read: as pointers from its root, to places where schemas are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from funland_worker.constraints.subschemas import Json, Path, objects, pointer, resolved, within


class _Place(NamedTuple):
    """A schema, and the nearest one around it that has a name of its own."""

    path: Path
    schema: Any
    base: Path


def settle_references(root: Any) -> None:
    """Changes a parsed schema in place. A reference that leads nowhere, or to another document,
    stays as it is: the compiler says that better."""
    if isinstance(root, dict):
        _References(cast("Json", root)).settle()


class _References:
    """What there is by path and by name, and what was brought to where it can be referred to."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._places = list(self._walk(_Place((), root, ())))
        self._paths = {place.path for place in self._places}
        self._named: dict[str, Path] = {}
        self._brought: dict[Path, Path] = {}

    def settle(self) -> None:
        for place in self._places:
            node = cast("Json", place.schema)
            if isinstance(name := node.get("$id"), str):
                self._named[name.rstrip("#")] = place.path
            if isinstance(name := node.get("$anchor"), str):
                self._named[f"#{name}"] = place.path
        found = {id(one.schema): self._meant(one) for one in self._places if "$ref" in one.schema}
        for place in self._places:  # grows where something is brought
            node = cast("Json", place.schema)
            if "$ref" in node:
                path = found[id(node)] if id(node) in found else self._meant(place)
                written = None if path is None else pointer(self._reachable(path))
                node["$ref"] = node["$ref"] if written is None else written
        for place in self._places:
            for keyword in ("$id", "$anchor"):
                place.schema.pop(keyword, None)

    def _walk(self, start: _Place) -> Iterator[_Place]:
        open_ = [start]
        while open_:
            path, node, base = open_.pop()
            if not isinstance(node, dict):
                continue
            schema = cast("Json", node)
            if isinstance(schema.get("$id"), str):
                base = path
            yield _Place(path, schema, base)
            open_ += [_Place(inner.path, inner.schema, base) for inner in within(path, schema)]

    def _meant(self, place: _Place) -> Path | None:
        """Where a reference leads."""
        reference = place.schema["$ref"]
        if not isinstance(reference, str):
            return None
        if reference in self._named:
            return self._named[reference]
        document, _, fragment = reference.partition("#")
        bases = [place.base, ()] if not document else [self._named.get(document)]
        for base in bases:
            schema = self._at(base) if base is not None else None
            if base is not None and (found := resolved(schema, f"#{fragment}")) is not None:
                return (*base, *found[0])
        return None

    def _at(self, path: Path) -> Any:
        place: Any = self._root
        for key in path:
            place = place[key]
        return place

    def _reachable(self, path: Path) -> Path:
        """Where else something is that lies where no schemas are looked for, as OpenAPI's
        `components` do."""
        schema = self._at(path)
        if path in self._paths or not isinstance(schema, dict | bool):
            return path
        if path not in self._brought:
            definitions = self._root["$defs"] = objects(self._root, "$defs")
            name = f"{path[-1]}-{len(self._brought)}"
            definitions[name] = schema
            self._brought[path] = brought = ("$defs", name)
            self._places += self._walk(_Place(brought, schema, ()))
        return self._brought[path]
