"""Access tokens: JSON web tokens, signed by keys that change."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from funland_server.auth.errors import CredentialsExpiredError, CredentialsInvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "funland"
_AUDIENCE: Final = "funland"
_NEEDED: Final = ("iss", "aud", "sub", "sid", "iat", "nbf", "exp", "scope")
_HEADER: Final = frozenset(("alg", "typ", "kid"))
"""A token with any other header field is none of ours; `crit` above all."""
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says."""

    user_id: str
    login_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs tokens."""

    kid: str
    secret: bytes


def new_signing_key() -> SigningKey:
    """One of 64 bytes."""
    return SigningKey(secrets.token_hex(8), secrets.token_bytes(64))


def signed(claims: Claims, key: SigningKey, now: float, seconds: float) -> str:
    """A token that counts from now on for so long. `now` are seconds since 1970."""
    import jwt  # noqa: PLC0415 - no server needs it before somebody logs in

    body: dict[str, Any] = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": claims.user_id,
        "sid": claims.login_id,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + seconds),
        "scope": " ".join(sorted(claims.scopes)),
    }
    return jwt.encode(body, key.secret, algorithm=_ALGORITHM, headers={"kid": key.kid})


def read(token: str, keys: Mapping[str, bytes]) -> Claims:
    """What a token says that one of the keys, by their ids, has signed.

    Raises:
        CredentialsInvalidError: It is none.
        CredentialsExpiredError: It was one.
    """
    import jwt  # noqa: PLC0415 - as above

    if len(token) > _LONGEST:
        raise CredentialsInvalidError
    try:
        header = jwt.get_unverified_header(token)
        secret = keys.get(str(header.get("kid")))
        if secret is None or not _HEADER.issuperset(header):
            raise CredentialsInvalidError
        body = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={"require": list(_NEEDED), "strict_aud": True},
            leeway=5,
        )
    except jwt.ExpiredSignatureError as error:
        raise CredentialsExpiredError from error
    except (jwt.InvalidTokenError, RecursionError) as error:  # the second of a deep header
        raise CredentialsInvalidError from error
    return Claims(str(body["sub"]), str(body["sid"]), frozenset(str(body["scope"]).split()))
