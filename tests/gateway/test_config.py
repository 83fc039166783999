"""A wrong setting stops the start and says why."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from funland_gateway.config import GatewaySettings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_a_place_to_listen(host: str) -> None:
    assert GatewaySettings(host=host).host == host


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.0.2", "example.org", ""],  # noqa: S104 - these are refused
)
def test_a_place_off_loopback_is_refused_with_a_way_out(host: str) -> None:
    with pytest.raises(ValidationError, match=r"ssh -L 8000:127\.0\.0\.1:8000"):
        GatewaySettings(host=host)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": -1},
        {"port": 65536},
        {"max_body_bytes": 0},
        {"max_connections": 0},
        {"idle_timeout_seconds": 0},
        {"colour": "red"},
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        GatewaySettings(**wrong)
