"""A wrong setting stops the start and names itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from funland_server.config import ServerSettings
from funland_server.hub.hubs import web_policy


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_addresses_are_taken(host: str) -> None:
    assert ServerSettings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", ""])  # noqa: S104 - they are refused
def test_other_addresses_are_refused_by_name(host: str) -> None:
    with pytest.raises(ValidationError, match="not a loopback address") as raised:
        ServerSettings(host=host)

    assert raised.value.errors()[0]["loc"] == ("host",)
    assert "reverse proxy" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", -1),
        ("port", 65536),
        ("slots", 0),
        ("slots", 257),
        ("max_context_length", 15),
        ("threads", 0),
        ("keep_alive_seconds", -2),
        ("memory_limit_bytes", 1024),
        ("queue_limit", 0),
        ("prefix_memory_bytes", -1),
        ("prefix_spill_bytes", -1),
        ("prefix_memory_bytes", 10**20),
        ("prefix_spill_bytes", 10**20),
        ("memory_limit_bytes", 10**20),
        ("max_context_length", 2**24 + 1),
        ("hang_timeout_seconds", 0),
        ("step_timeout_seconds", 0),
        ("load_timeout_seconds", 0),
        ("send_timeout_seconds", 0),
        ("drain_seconds", -1),
        ("drain_seconds", float("inf")),
        ("send_timeout_seconds", float("nan")),
        ("load_timeout_seconds", 1e12),
        ("port", True),
        ("home", ""),
        ("default_model", ""),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("traces_endpoint", "127.0.0.1:4317"),
        ("traces_endpoint", "http://127.0.0.1:4317/v1/traces"),
        ("traces_endpoint", "http://user:secret@127.0.0.1:4317"),
        ("traces_ratio", 1.5),
        ("hots", "127.0.0.1"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        ServerSettings(**{name: value})

    assert [error["loc"] for error in raised.value.errors()] == [(name,)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proxy", "proxy.example:3128"),
        ("proxy", "socks5://proxy.example"),
        ("proxy", "http://user:secret@proxy.example"),
        ("proxy", "http://"),
        ("huggingface_endpoint", "https://hub!example"),
        ("ollama_mirrors", ["https://*.example"]),
        ("allowed_private_hosts", ["*"]),
        ("allowed_private_hosts", ["hub.internal:8080"]),
        ("allowed_private_hosts", ["http://hub.internal"]),
        ("allowed_private_hosts", [""]),
    ],
)
def test_what_names_no_server_is_refused_and_shown_right(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        ServerSettings(**{name: value})

    assert raised.value.errors()[0]["loc"][0] == name
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proxy", "http://proxy.example:3128"),
        ("proxy", "http://[::1]:3128"),
        ("allowed_private_hosts", ("hub.internal", "10.0.0.7", "::1", "[::1]", "hub")),
        ("huggingface_endpoint", "http://[::1]:8080/hub"),
    ],
)
def test_whatever_names_a_server_makes_a_policy(name: str, value: Any) -> None:
    settings = ServerSettings(**{name: value})

    assert getattr(settings, name) == value
    web_policy(settings)


def test_every_setting_is_described() -> None:
    for name, field in ServerSettings.model_fields.items():
        assert field.description, name
