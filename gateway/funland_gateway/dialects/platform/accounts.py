"""`auth`: logging in, and who is logged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from funland.v1.auth_pb2 import (
    CreateTokenRequest,
    CurrentUser,
    GetCurrentUserRequest,
    PasswordGrant,
    Token,
    User,
)
from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.reading import JsonObject, chosen
from funland_gateway.dialects.rpcs import CREATE_TOKEN, GET_CURRENT_USER
from funland_gateway.dialects.times import moment

_WORDS: Final[Mapping[int, str]] = {ErrorReason.PASSWORD_WRONG: "Incorrect username or password"}


def _password(form: JsonObject) -> CreateTokenRequest:
    grant = PasswordGrant(username=form.string("username"), password=form.string("password"))
    return CreateTokenRequest(password=grant)


def _refresh(form: JsonObject) -> CreateTokenRequest:
    return CreateTokenRequest(refresh_token=form.string("refresh_token"))


_GRANTS: Final[Mapping[str, Callable[[JsonObject], CreateTokenRequest]]] = {
    "password": _password,
    "refresh_token": _refresh,
}
GRANT_TYPES: Final = tuple(_GRANTS)


def create_token(incoming: Incoming) -> Unary:
    """Asks for a token, as OAuth 2 has it; a form that names no grant has a password."""
    grant = incoming.body.optional_string("grant_type")
    request = chosen("grant_type", grant, _GRANTS, _password)(incoming.body)
    return Unary(
        CREATE_TOKEN, request, _token, lambda path: path.removeprefix("password."), words=_WORDS
    )


def get_me(_incoming: Incoming) -> Unary:
    """Asks who calls."""
    return Unary(GET_CURRENT_USER, GetCurrentUserRequest(), _me)


def _token(token: Token) -> Reply:
    return json_reply(
        {
            "access_token": token.access_token,
            "token_type": token.token_type,
            "expires_in": token.expires_in.seconds,
            "refresh_token": token.refresh_token,
            "scope": " ".join(token.scopes),
        }
    )


def _me(current: CurrentUser) -> Reply:
    user = current.user
    return json_reply(
        {
            "id": user.number,
            "username": user.username,
            "email": user.email or None,
            "is_active": user.is_active,
            "created_at": moment(user, "create_time"),
            "role": User.Role.Name(user.role).lower(),
            "scopes": [*current.scopes],
        }
    )
