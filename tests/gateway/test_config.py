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
        {"max_body_bytes": 10**20},
        {"max_connections": 0},
        {"idle_timeout_seconds": 0},
        {"idle_timeout_seconds": float("inf")},
        {"heartbeat_seconds": float("nan")},
        {"body_timeout_seconds": 1e12},
        {"port": True},
        {"max_body_bytes": "32 MB"},
        {"allowed_hosts": "funland.internal"},
        {"colour": "red"},
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        GatewaySettings(**wrong)


@pytest.mark.parametrize(
    "host", ["funland.internal", "FUNLAND", "my_host", "10.0.0.1", "[::1]", "[fe80::1]", "a"]
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert GatewaySettings(allowed_hosts=(host,)).allowed_hosts == (host,)


@pytest.mark.parametrize(
    "host",
    [
        "*", "*.internal", "", "http://funland.internal", "funland.internal:8000", "a/b", "::1",
        "a b", "a,b", "-a", "a@b", "[::1]:8000", "a..b", "a.", ".a",
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused_with_the_way_to_write_it(host: str) -> None:
    with pytest.raises(ValidationError, match="write a name or an address alone"):
        GatewaySettings(allowed_hosts=("ai.example", host))


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example", "http://localhost:3000", "http://[::1]:8080", "tauri://localhost",
        "chrome-extension://abcdefghijklmnop", "http://app.example:443",
    ],
)  # fmt: skip
def test_an_origin_is_taken_as_browsers_send_it(origin: str) -> None:
    assert GatewaySettings(allowed_origins=(origin,)).allowed_origins == (origin,)


@pytest.mark.parametrize(
    ("origin", "right"),
    [
        ("https://app.example/", "https://app.example"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80/", "http://app.example"),
        (" https://app.example", "https://app.example"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_with_the_one_that_they_send(
    origin: str, right: str
) -> None:
    with pytest.raises(ValidationError, match=f"write '{right}'"):
        GatewaySettings(allowed_origins=(origin,))


@pytest.mark.parametrize(
    "origin",
    [
        "*", "https://*.example", "app.example", "app.example:8000", "https://app.example/path",
        "https://", "null", "", "https://a, https://b", "https://user@app.example",
        "https://app.example?x", "https://app.example:99999", "https://app.example:0080",
        "https://app..example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused_with_the_way_to_write_it(origin: str) -> None:
    with pytest.raises(ValidationError, match="write scheme://host"):
        GatewaySettings(allowed_origins=(origin,))
