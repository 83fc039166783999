"""How long a server asks to wait: a table."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from funland_server.web.waiting import asked_to_wait

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 17 "}, 17),
        ({"Retry-After": "999999999999"}, 3600),
        ({"Retry-After": format_datetime(datetime(2026, 11, 28, 12, 1, tzinfo=UTC), True)}, 60),
        ({"Retry-After": format_datetime(datetime(2020, 1, 1, tzinfo=UTC), True)}, 0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"RateLimit": '"api";r=0'}, None),
        ({"RateLimit": '"resolvers";r=3;t=55'}, None),
        ({"RateLimit": '"a";r=9;t=5, "b";r=0;t=44'}, 44),
        ({"Retry-After": "7", "RateLimit": '"api";r=0;t=55'}, 7),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_to_wait(headers, NOW) == seconds
