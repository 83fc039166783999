"""What dialects are on one port: a table in which every path has one answer and one owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from funland_gateway.dialects.dialect import (
    NAME,
    STEP,
    Dialect,
    Incoming,
    JsonSchema,
    Reply,
    Route,
    Unary,
)


def joint_routes(dialects: Sequence[Dialect]) -> list[tuple[Dialect, Route]]:
    """Each route with its dialect. One that several have is there once, as the first one's, and
    answers all their fields."""
    joint: dict[tuple[str, str], tuple[Dialect, Route]] = {}
    for dialect in dialects:
        for route in dialect.routes:
            key = (route.method, route.path)
            first = joint.get(key)
            joint[key] = (first[0], _united(first[1], route)) if first else (dialect, route)
    return list(joint.values())


def owners(dialects: Sequence[Dialect]) -> Callable[[str], Dialect | None]:
    """Makes the function that tells whose shape errors at a path are to have; None: nobody's.

    The claim with the most letters counts: a route's path, or a prefix. Among equals the first.
    """
    claims = [
        (_letters(path), re.compile(pattern), dialect)
        for dialect in dialects
        for path, pattern in _claimed(dialect)
    ]
    claims.sort(key=lambda claim: -claim[0])

    def owner(path: str) -> Dialect | None:
        return next((dialect for _, pattern, dialect in claims if pattern.fullmatch(path)), None)

    return owner


def _claimed(dialect: Dialect) -> list[tuple[str, str]]:
    """What a dialect claims, and the pattern of the paths that this means."""
    routes = [(route.path, _expression(route.path)) for route in dialect.routes]
    return routes + [(prefix, f"{re.escape(prefix)}.*") for prefix in dialect.prefixes]


def _expression(path: str) -> str:
    """A route's path as a regular expression."""
    parts = re.split(r"\{(\w+)\}", path)  # text, name, text, name, ...
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [NAME if name.startswith("model") else STEP for name in parts[1::2]]
    return "".join(parts)


def _letters(path: str) -> int:
    return len(re.sub(r"\{\w+\}", "", path))


def _united(one: Route, other: Route) -> Route:
    """A route that calls the RPC that both call, once, and answers the fields of both; where both
    have a field, the first's."""

    def call(incoming: Incoming) -> Unary:
        mine, others = one.call(incoming), other.call(incoming)
        if not (isinstance(mine, Unary) and isinstance(others, Unary) and mine.rpc is others.rpc):
            raise TypeError(f"{one.path}: its dialects don't call the same RPC")

        def answer(response: Any) -> Reply:
            first, second = mine.answer(response), others.answer(response)
            if not (isinstance(first, Reply) and isinstance(second, Reply)):
                raise TypeError(f"{one.path}: its dialects don't answer after one call")
            fields = {**orjson.loads(second.content), **orjson.loads(first.content)}
            return replace(first, content=orjson.dumps(fields))

        return replace(mine, answer=answer)

    return replace(one, call=call, response_schema=_both(one, other))


def _both(one: Route, other: Route) -> JsonSchema | None:
    first, second = one.response_schema, other.response_schema
    if first is None or second is None:
        return first or second
    return {**second, **first, "properties": {**second["properties"], **first["properties"]}}
