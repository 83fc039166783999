"""One parser reads all foreign URLs, and one policy says where they may lead."""

from __future__ import annotations

import pytest

from funland_server.web.errors import AddressNotAllowedError, OfflineError
from funland_server.web.policy import WebPolicy
from funland_server.web.urls import Origin, origin_of, parse

REFUSED = [
    "",
    "hub.example/x",
    "//hub.example/x",
    "file:///etc/passwd",
    "ftp://hub.example/x",
    "gopher://hub.example/x",
    "javascript:alert(1)",
    "http://",
    "http:///x",
    "http://user@hub.example/",
    "http://user:secret@hub.example/",
    "http://hub.example\\@127.0.0.1/",
    "http://hub.example:0/",
    "http://hub.example:99999/",
    "http://hub.example:x/",
    "http://hub .example/",
    "http://hub.example/a b",
    "http://hub.example/\n",
    "http://h%75b.example/",
    "http://[::1/",
    "http://[hub]/",
    "http://-hub.example/",
    "http://höb.example/",
    "http://hub.example/" + "x" * 20000,
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_plain_url_is_refused(text: str) -> None:
    with pytest.raises(AddressNotAllowedError) as raised:
        parse(text)
    assert "secret" not in str(raised.value)


def test_a_query_stays_as_it_was_signed() -> None:
    signed = "https://cdn.example/a%2Fb%20c?X-Sig=a%2Bb%3D&e=%e4&empty=&x=1+2"

    assert str(parse(signed)) == signed


def test_a_relative_url_is_read_against_its_base() -> None:
    base = parse("https://hub.example/a/b?x=1")

    assert str(parse("/c?y=%2F", base=base)) == "https://hub.example/c?y=%2F"
    assert str(parse("//cdn.example/c", base=base)) == "https://cdn.example/c"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Hub.Example/x", Origin("https", "hub.example", 443)),
        ("https://hub.example.:443/x", Origin("https", "hub.example", 443)),
        ("http://hub.example/x", Origin("http", "hub.example", 80)),
        ("HTTP://hub.example:8080", Origin("http", "hub.example", 8080)),
        ("http://[2606:4700::1111]:8080", Origin("http", "2606:4700::1111", 8080)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: Origin) -> None:
    assert origin_of(parse(text)) == origin
    assert origin_of(parse(str(origin))) == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "http://printer/",
        "http://nas.local/",
        "http://metadata.google.internal/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://[::ffff:127.0.0.1]/",
    ],
)
def test_names_and_addresses_of_this_machine_or_site_are_refused(url: str) -> None:
    with pytest.raises(AddressNotAllowedError, match="allowed_private_hosts"):
        WebPolicy().check_target(parse(url))


def test_what_the_settings_name_may_be_private() -> None:
    policy = WebPolicy.of(private_hosts=["NAS.local"], endpoints=["http://127.0.0.1:9000/hub/"])

    policy.check_target(parse("https://nas.local:8443/x"))
    policy.check_target(parse("http://127.0.0.1:9000/other"))
    policy.check_addresses("nas.local", 80, ["192.168.1.9"])
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.2:9000/", "http://b.nas.local/"):
        with pytest.raises(AddressNotAllowedError):
            policy.check_target(parse(url))


def test_a_host_with_one_private_address_among_others_is_refused() -> None:
    with pytest.raises(AddressNotAllowedError):
        WebPolicy().check_addresses("hub.example", 443, ["1.1.1.1", "10.0.0.1"])
    WebPolicy().check_addresses("hub.example", 443, ["1.1.1.1", "2606:4700::1111"])


def test_a_redirect_does_not_give_up_encryption() -> None:
    secure, plain = parse("https://hub.example/"), parse("http://hub.example/")

    WebPolicy().check_redirect(plain, secure)
    WebPolicy().check_redirect(plain, plain)
    with pytest.raises(AddressNotAllowedError, match="https to http"):
        WebPolicy().check_redirect(secure, plain)


def test_offline_nothing_is_asked() -> None:
    policy = WebPolicy.of(offline=True, endpoints=["https://hub.example"])

    with pytest.raises(OfflineError):
        policy.check_target(parse("https://hub.example/x"))
