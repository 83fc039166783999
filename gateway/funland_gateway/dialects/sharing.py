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
    Step,
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
        if not (isinstance(mine, Unary) and isinstance(others, Unary)):
            raise TypeError(f"{one.path}: its dialects don't call the same RPC")
        return joined(mine, others)

    def joined(mine: Unary, others: Unary) -> Unary:
        if mine.rpc is not others.rpc or mine.message != others.message:
            raise TypeError(f"{one.path}: its dialects don't call the same RPC")

        def answer(response: Any) -> Reply | Unary:
            return after(mine.answer(response), others.answer(response))

        return replace(mine, answer=answer)

    def after(first: Step, second: Step) -> Reply | Unary:
        """What comes of the steps of both; one of them may have more to ask."""
        if isinstance(first, Unary) and isinstance(second, Unary):
            return joined(first, second)
        if isinstance(first, Unary) and isinstance(second, Reply):
            return _going_on(first, lambda step: after(step, second))
        if isinstance(first, Reply) and isinstance(second, Unary):
            return _going_on(second, lambda step: after(first, step))
        if not (isinstance(first, Reply) and isinstance(second, Reply)):
            raise TypeError(f"{one.path}: its dialects have answers that can't be one")
        fields = _fields(orjson.loads(first.content), orjson.loads(second.content))
        return replace(first, content=orjson.dumps(fields))

    return replace(one, call=call, response_schema=_both(one, other))


def _going_on(call: Unary, then: Callable[[Step], Step]) -> Unary:
    """The call, with `then` after what comes of it."""

    def answer(response: Any) -> Step:
        return then(call.answer(response))

    refused = call.refused
    return replace(
        call, answer=answer, refused=None if refused is None else lambda: then(refused())
    )


def _fields(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The fields of both; where both have a list of as many objects, each has those of both."""
    fields = {**second, **first}
    for name in first.keys() & second.keys():
        if isinstance(first[name], list) and isinstance(second[name], list):
            mine: list[dict[str, Any]] = first[name]
            others: list[dict[str, Any]] = second[name]
            fields[name] = [{**its, **my} for my, its in zip(mine, others, strict=True)]
    return fields


def _both(one: Route, other: Route) -> JsonSchema | None:
    first, second = one.response_schema, other.response_schema
    if first is None or second is None:
        return first or second
    return _merged(first, second)


def _merged(first: JsonSchema, second: JsonSchema) -> JsonSchema:
    mine, others = first["properties"], second["properties"]
    properties = {**others, **mine}
    for name in mine.keys() & others.keys():
        if "items" in mine[name] and "items" in others[name]:
            items = _merged(mine[name]["items"], others[name]["items"])
            properties[name] = {**mine[name], "items": items}
    return {**second, **first, "properties": properties}
