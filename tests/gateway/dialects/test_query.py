"""Query parameters, read as they are declared."""

from __future__ import annotations

from typing import Any

import pytest

from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.query import (
    Parameter,
    choice,
    one_of,
    pairs,
    switch,
    text,
    whole_number,
)
from funland_gateway.failures import CallFailed

NAME = text("name", "A name.")
WIDE = switch("wide", "Whether it is wide.")
ORDER = choice("order", "By age.", "asc", "desc")
LIMIT = whole_number("limit", "At most so many.", 1, 100, 20)
AFTER = whole_number("after", "After this.", 0, 9, None)
SOURCE = one_of("source", "The hub.", {"a": 1, "b": 2}, 0)
LABELS = pairs("labels", "Those with all of these.")


@pytest.mark.parametrize(
    ("parameter", "query", "value"),
    [
        (NAME, {"name": "a"}, "a"),
        (NAME, {}, ""),
        (WIDE, {"wide": "True"}, True),
        (WIDE, {"wide": "0"}, False),
        (WIDE, {}, False),
        (ORDER, {"order": "desc"}, "desc"),
        (ORDER, {}, "asc"),
        (LIMIT, {"limit": "1"}, 1),
        (LIMIT, {"limit": "100"}, 100),
        (LIMIT, {}, 20),
        (AFTER, {"after": "0"}, 0),
        (AFTER, {}, None),
        (SOURCE, {"source": "b"}, 2),
        (SOURCE, {"source": ""}, 0),
        (SOURCE, {}, 0),
        (LABELS, {"labels[a]": "1", "labels[b[c]]": "2", "labels": "3", "other[a]": "4"},
         {"a": "1", "b[c]": "2"}),
        (LABELS, {}, {}),
    ],
)  # fmt: skip
def test_a_parameter_is_read(parameter: Parameter[Any], query: dict[str, str], value: Any) -> None:
    assert parameter.of(query) == value


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (WIDE, "perhaps"),
        (ORDER, "up"),
        (SOURCE, "A"),
        (LIMIT, "0"),
        (LIMIT, "101"),
        (LIMIT, "-1"),
        (LIMIT, "1.5"),
        (LIMIT, ""),
        (LIMIT, "²"),
        (LIMIT, "9" * 10_000),
    ],
)
def test_a_wrong_value_fails_with_the_parameters_name(
    parameter: Parameter[Any], value: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        parameter.of({parameter.name: value})

    assert raised.value.error.field_violations[0].field == parameter.name


def test_the_declared_names_take_their_keys_alone() -> None:
    assert LABELS.takes("labels[a]")
    assert LIMIT.takes("limit")
    assert not LIMIT.takes("limits")


def test_every_parameter_of_a_route_is_described_and_told_once() -> None:
    routes = [route for dialect in DIALECTS for route in dialect.documented_routes if route.query]

    assert routes
    for route in routes:
        names = [parameter.name for parameter in route.query]
        assert len(names) == len(set(names))
        assert all(parameter.description.endswith(".") for parameter in route.query)
