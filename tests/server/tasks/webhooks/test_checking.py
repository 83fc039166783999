"""A webhook that can't be told is refused before its task is kept."""

from __future__ import annotations

import pytest

from funland.v1.tasks_pb2 import Webhook
from funland_server.errors import FieldInvalidError
from funland_server.live import Live
from funland_server.tasks.webhooks.checking import check
from funland_server.web.errors import AddressNotAllowedError, OfflineError
from funland_server.web.fetching import Web
from funland_server.web.policy import WebPolicy
from tests.server.tasks.webhooks.test_signing import SECRET

FINE = "https://hooks.example/in?token=abc"
WEB = Web(Live(WebPolicy.of(private_hosts=["receiver.local"])))


@pytest.mark.parametrize("url", [FINE, "http://hooks.example:8080", "http://receiver.local:81/a"])
def test_what_can_be_told_is_taken(url: str) -> None:
    check(Webhook(url=url, secret=SECRET), WEB.check, has_default=False)
    check(Webhook(url=url), WEB.check, has_default=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://localhost:9/",
        "http://printer/",
        "http://box.local/",
        "https://user:password@hooks.example/",
        "ftp://hooks.example/",
        "hooks.example",
    ],
)
def test_what_leads_where_nothing_is_sent_is_refused(url: str) -> None:
    with pytest.raises(AddressNotAllowedError) as raised:
        check(Webhook(url=url, secret=SECRET), WEB.check, has_default=False)

    assert "password@" not in str(raised.value)


def test_offline_it_is_refused() -> None:
    with pytest.raises(OfflineError):
        check(
            Webhook(url=FINE, secret=SECRET),
            Web(Live(WebPolicy(offline=True))).check,
            has_default=False,
        )


@pytest.mark.parametrize("secret", ["", "whsec_" + "A" * 33, "whsec_" + "A" * 30 + "=="])
def test_a_secret_that_is_none_is_named(secret: str) -> None:
    with pytest.raises(FieldInvalidError, match=r"^webhook\.secret: ") as raised:
        check(Webhook(url=FINE, secret=secret), WEB.check, has_default=False)

    assert not secret or secret not in str(raised.value)
