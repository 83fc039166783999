"""Receivers that go by the specification believe what is signed, and nothing else."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from funland_server.tasks.webhooks.signing import key_of, signed

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_a_receiver_by_the_specification_believes_it() -> None:
    body = '{"a": "ä"}'.encode()

    headers = dict(signed(KEY, "task-1-7", int(time.time()), body))

    assert Webhook(SECRET).verify(body, headers) == {"a": "ä"}


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_receiver_refuses_what_was_changed(name: str) -> None:
    headers = dict(signed(KEY, "task-1-7", int(time.time()), b"{}"))
    headers[name] = {
        "webhook-id": "task-1-8",
        "webhook-timestamp": str(int(time.time()) - 1),
        "webhook-signature": "v1," + base64.b64encode(bytes(32)).decode(),
    }[name]

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b"{}", headers)


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of its document."""
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    headers = signed(key or b"", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("length", "is_one"), [(0, False), (23, False), (24, True), (64, True), (65, False)]
)
def test_a_secret_has_24_to_64_bytes(length: int, is_one: bool) -> None:
    key = bytes(length)

    found = key_of("whsec_" + base64.b64encode(key).decode())

    assert found == (key if is_one else None)


@pytest.mark.parametrize("secret", ["", "whsec_", SECRET[6:], SECRET[:-1], SECRET + "*", "whsec_ä"])
def test_what_is_no_secret_is_none(secret: str) -> None:
    assert key_of(secret) is None
