"""Only what this server signed, and only while it counts, is an access token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt
import orjson
import pytest

from funland_server.auth.errors import CredentialsExpiredError, CredentialsInvalidError
from funland_server.auth.tokens import Claims, SigningKey, new_signing_key, read, signed

KEY = SigningKey("k1", b"s" * 64)
OTHER = SigningKey("k2", b"t" * 64)
CLAIMS = Claims("usr_1", "log_1", frozenset({"read", "infer"}))
GOOD: dict[str, Any] = {
    "iss": "funland", "aud": "funland", "sub": "usr_1", "sid": "log_1", "scope": "read",
}  # fmt: skip


def body(**changed: Any) -> dict[str, Any]:
    """The claims of a good token, with some changed; None leaves one out."""
    now = int(time.time())
    all_of_them = {**GOOD, "iat": now, "nbf": now, "exp": now + 60, **changed}
    return {name: value for name, value in all_of_them.items() if value is not None}


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def made(header: Any, claims: Any, secret: bytes = KEY.secret) -> str:
    """A token with any header, rightly signed with HMAC-SHA256."""
    said = f"{part(header)}.{part(claims)}"
    return f"{said}.{part(hmac.digest(secret, said.encode(), hashlib.sha256))}"


def header(**changed: Any) -> dict[str, Any]:
    return {"alg": "HS256", "typ": "JWT", "kid": "k1", **changed}


DEEP = b'{"alg":"HS256","kid":' + b"[" * 1100 + b"]" * 1100 + b"}"


def tampered(token: str) -> str:
    """With another user, under the old signature."""
    head, _, signature = token.split(".")
    return ".".join((head, part(body(sub="usr_2")), signature))


def test_what_was_signed_is_read() -> None:
    token = signed(CLAIMS, KEY, time.time(), 60)

    assert read(token, {"k1": KEY.secret, "k2": OTHER.secret}) == CLAIMS
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "k1"}


BAD: dict[str, Callable[[], str]] = {
    "alg none, unsigned": lambda: f"{part(header(alg='none'))}.{part(body())}.",
    "alg None in capitals": lambda: f"{part(header(alg='None'))}.{part(body())}.",
    "alg none, signed": lambda: made(header(alg="none"), body()),
    "alg HS512": lambda: jwt.encode(body(), KEY.secret, "HS512", {"kid": "k1"}),
    "alg RS256, with the secret as its key": lambda: made(header(alg="RS256"), body()),
    "alg missing": lambda: made({"typ": "JWT", "kid": "k1"}, body()),
    "alg a list": lambda: made(header(alg=["HS256"]), body()),
    "crit": lambda: made(header(crit=["exp"]), body()),
    "crit that is known": lambda: made(header(crit=["b64"], b64=True), body()),
    "b64 false": lambda: made(header(b64=False), body()),
    "jwk": lambda: made(header(jwk={"kty": "oct", "k": part(OTHER.secret)}), body(), OTHER.secret),
    "jku": lambda: made(header(jku="http://127.0.0.1/keys"), body()),
    "kid missing": lambda: made({"alg": "HS256", "typ": "JWT"}, body()),
    "kid of nobody": lambda: made(header(kid="k9"), body()),
    "kid a path": lambda: made(header(kid="../../dev/null"), body(), b""),
    "kid a number": lambda: made(header(kid=1), body()),
    "kid null": lambda: made(header(kid=None), body()),
    "kid of another key": lambda: made(header(kid="k2"), body()),
    "signed with another key": lambda: made(header(), body(), OTHER.secret),
    "signed with nothing": lambda: made(header(), body(), b""),
    "without a signature": lambda: made(header(), body()).rpartition(".")[0] + ".",
    "tampered with": lambda: tampered(made(header(), body())),
    "exp missing": lambda: made(header(), body(exp=None)),
    "exp no number": lambda: made(header(), body(exp="never")),
    "aud missing": lambda: made(header(), body(aud=None)),
    "aud of others": lambda: made(header(), body(aud="elsewhere")),
    "aud of others too": lambda: made(header(), body(aud=["funland", "elsewhere"])),
    "iss missing": lambda: made(header(), body(iss=None)),
    "iss of others": lambda: made(header(), body(iss="elsewhere")),
    "sub missing": lambda: made(header(), body(sub=None)),
    "sub no text": lambda: made(header(), body(sub=1)),
    "sid missing": lambda: made(header(), body(sid=None)),
    "scope missing": lambda: made(header(), body(scope=None)),
    "nbf in the future": lambda: made(header(), body(nbf=int(time.time()) + 60)),
    "nbf missing": lambda: made(header(), body(nbf=None)),
    "iat in the future": lambda: made(header(), body(iat=int(time.time()) + 60)),
    "claims a list": lambda: made(header(), []),
    "claims no JSON": lambda: made(header(), b"{"),
    "header a list": lambda: made([], body()),
    "header no JSON": lambda: made(b"\xff", body()),
    "header deep": lambda: made(DEEP, body()),
    "very long": lambda: made(header(), body(more="x" * 5000)),
    "empty": lambda: "",
    "dots": lambda: "..",
    "no base64": lambda: "!.!.!",
}  # fmt: skip


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_what_is_none_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises(CredentialsInvalidError):
        read(make(), {"k1": KEY.secret, "k2": OTHER.secret})


def test_the_good_one_that_the_bad_ones_are_made_of_is_taken() -> None:
    assert read(made(header(), body()), {"k1": KEY.secret}).user_id == "usr_1"


def test_an_expired_one_says_that_it_is() -> None:
    with pytest.raises(CredentialsExpiredError):
        read(signed(CLAIMS, KEY, time.time() - 120, 60), {"k1": KEY.secret})


def test_no_two_keys_are_the_same() -> None:
    keys = {new_signing_key().secret for _ in range(20)}

    assert len(keys) == 20
    assert {len(secret) for secret in keys} == {64}
