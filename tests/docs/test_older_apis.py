"""The page of the older APIs' keys has each key that they answer, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from funland_gateway.dialects import DIALECTS
from tests.docs.markdown import codes, read, rows, section

PAGE = read("docs/older-apis.md")
ENVELOPED = ("hellovm", "manager", "scheduler")
ROUTES = {
    (dialect.name, f"{route.method} {route.path}"): route
    for dialect in DIALECTS
    for route in dialect.routes
}
HEADINGS = [
    (dialect, endpoint)
    for dialect in re.findall(r"^## `(\w+)`$", PAGE, re.MULTILINE)
    for endpoint in re.findall(r"^### `(.+)`$", section(PAGE, f"## `{dialect}`"), re.MULTILINE)
]


def test_the_page_has_what_older_apis_tell_but_of_hubs_and_downloads() -> None:
    told = re.compile(r"/(hardware|system|gpu|deployments|plugins)\b|/chat/sessions\b")

    assert set(HEADINGS) == {
        key
        for key, route in ROUTES.items()
        if (key[0] in ("platform", "scheduler") or told.search(key[1]))
        and not route.upgrades
        and not route.binary
    }


@pytest.mark.parametrize(("dialect", "endpoint"), HEADINGS)
def test_each_key_of_an_answer_has_its_meaning(dialect: str, endpoint: str) -> None:
    table = rows(section(section(PAGE, f"## `{dialect}`"), f"### `{endpoint}`"))
    schema: Any = ROUTES[dialect, endpoint].response_schema

    told = [key for row in table for key in codes(row[0])]
    answered = keys(schema["properties"].get("data", schema) if dialect in ENVELOPED else schema)
    assert sorted(told) == sorted(answered)
    assert all(row[1] for row in table)


def keys(schema: Any, path: str = "") -> Iterator[str]:
    """The keys of all values in an answer; those of a list's items are keys of the list."""
    schema = schema.get("items", schema)
    inner: dict[str, Any] = schema.get("properties") or {}
    if others := schema.get("additionalProperties"):
        inner = others["properties"]
    for name, value in inner.items():
        yield from keys(value, f"{path}.{name}" if path else name)
    if not inner:
        yield path
