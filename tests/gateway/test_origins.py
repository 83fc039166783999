"""Where a client finds the gateway is told back as the client found it."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from funland_gateway.origins import origin


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "localhost:8000"}, "http://localhost:8000"),
        ({"Host": "ai.example", "X-Forwarded-Proto": "https"}, "https://ai.example"),
        ({"Host": "ai.example", "X-Forwarded-Proto": "gopher"}, "http://ai.example"),
    ],
)
def test_the_scheme_is_the_requests_or_that_of_a_proxy_in_front(
    headers: dict[str, str], expected: str
) -> None:
    assert origin(make_mocked_request("GET", "/", headers=headers)) == expected
