"""Fields of the contract get the names that a request used."""

from __future__ import annotations

import pytest

from funland_gateway.dialects.naming import renamed

NAMES = {"options.n": "n", "tools[0]": "functions[0]", "tools": "functions", "a.b": "x", "a": "y"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("options.n", "n"),
        ("options.nose", "options.nose"),
        ("options", "options"),
        ("tools[0].name", "functions[0].name"),
        ("tools[1].name", "functions[1].name"),
        ("a.b.c", "x.c"),
        ("a.c", "y.c"),
        ("", ""),
    ],
)
def test_the_longest_known_beginning_is_replaced(path: str, name: str) -> None:
    assert renamed(path, NAMES) == name
