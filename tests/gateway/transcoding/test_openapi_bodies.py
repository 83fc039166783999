"""What the OpenAPI document allows is accepted, and what it does not is refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from protovalidate import collect_violations

from funland_gateway.failures import CallFailed
from funland_gateway.transcoding.routes import Route
from tests.gateway.transcoding.test_openapi import DOCUMENT, ROUTES, SCHEMAS

_DEEPEST = 3
_LONGEST = 40
_FAR = 2.0**100  # a float32 too

WITH_BODIES = [route for route in ROUTES if route.has_body]


def body_schema(route: Route) -> dict[str, Any]:
    operation = DOCUMENT["paths"][route.path][route.http_method.lower()]
    return operation["requestBody"]["content"]["application/json"]["schema"]


def validator(schema: dict[str, Any]) -> Callable[[Any], bool]:
    made: Any = Draft202012Validator({**schema, "components": {"schemas": SCHEMAS}})
    return made.is_valid


def values(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a schema's type and size. Rules between fields are left to a filter."""
    if "$ref" in schema:
        return values(SCHEMAS[schema["$ref"].rpartition("/")[2]], depth)
    if "anyOf" in schema:
        return st.one_of([values(each, depth) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:  # any JSON
        return st.none() | st.booleans() | numbers({}, depth) | st.lists(st.text(max_size=3))
    kinds = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    return st.one_of([MAKERS[kind](schema, depth) for kind in kinds])


def strings(schema: dict[str, Any], _depth: int) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.datetimes().map(lambda time: time.isoformat() + "Z")
    if "contentEncoding" in schema:
        return st.binary(max_size=_LONGEST).map(lambda data: base64.b64encode(data).decode())
    if "pattern" in schema:
        longest = schema.get("maxLength", _LONGEST)
        whole = str(schema["pattern"]).removesuffix("$") + r"\Z"  # before which $ lets a line end
        matching: st.SearchStrategy[Any] = st.from_regex(re.compile(whole))
        return matching.filter(lambda text: len(text) <= longest)
    # A limit of bytes is told as one of characters: up to four bytes each.
    longest = max(schema.get("minLength", 0), min(schema.get("maxLength", _LONGEST) // 4, _LONGEST))
    characters = st.characters(codec="utf-8")
    return st.text(characters, min_size=schema.get("minLength", 0), max_size=longest)


def numbers(schema: dict[str, Any], _depth: int) -> st.SearchStrategy[float]:
    low, high = schema.get("minimum"), schema.get("maximum")
    return st.floats(
        schema.get("exclusiveMinimum", -_FAR) if low is None else low,
        schema.get("exclusiveMaximum", _FAR) if high is None else high,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_nan=False,
        width=32,
    )


def objects(schema: dict[str, Any], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    properties: dict[str, Any] = schema.get("properties", {})
    if not properties and isinstance(schema.get("additionalProperties"), dict):
        names = schema.get("propertyNames", {})
        keys = (
            st.integers(0, 999).map(str)
            if "pattern" in names
            else strings({"maxLength": 4 * _LONGEST, **names}, depth)
        )
        return st.dictionaries(keys, values(schema["additionalProperties"], depth), max_size=3)
    required = {name: values(properties[name], depth + 1) for name in schema.get("required", [])}
    optional = {
        name: values(inner, depth + 1)
        for name, inner in properties.items()
        if name not in required and depth < _DEEPEST
    }
    return st.sampled_from(range(4)).flatmap(
        lambda count: st.lists(
            st.sampled_from(sorted(optional)) if optional else st.nothing(),
            unique=True,
            max_size=count if optional else 0,
        ).flatmap(
            lambda names: st.fixed_dictionaries(
                {**required, **{name: optional[name] for name in names}}
            )
        )
    )


Maker = Callable[[dict[str, Any], int], st.SearchStrategy[Any]]
MAKERS: dict[str, Maker] = {
    "null": lambda _schema, _depth: st.none(),
    "boolean": lambda _schema, _depth: st.booleans(),
    "integer": lambda schema, _depth: st.integers(schema["minimum"], schema["maximum"]),
    "number": numbers,
    "string": strings,
    "array": lambda schema, depth: st.lists(
        values(schema["items"], depth), min_size=schema.get("minItems", 0), max_size=3
    ),
    "object": objects,
}


def request(route: Route, body: Any) -> Message:
    return route.request(body, {field.name: "tiny" for field in route.variables}, ())


@pytest.mark.parametrize("route", WITH_BODIES, ids=lambda route: route.rpc.name)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_the_document_allows_is_accepted_and_nothing_beside_it(
    route: Route, data: st.DataObject
) -> None:
    schema = body_schema(route)
    is_valid = validator(schema)
    body = data.draw(values(schema).filter(is_valid))
    more = {**body, "no_such_field": data.draw(st.one_of(st.none(), st.integers(), st.text()))}

    message = request(route, body)

    assert not collect_violations(message), (body, message)
    assert not is_valid(more)
    with pytest.raises(CallFailed, match="no_such_field"):
        request(route, more)
