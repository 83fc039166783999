"""Asks a server for the next tokens of a login, over a channel that lives for that alone."""

from __future__ import annotations

from os import PathLike
from typing import Final

import grpc

from funland.v1.auth_pb2 import CreateTokenRequest, Token
from funland.v1.auth_pb2_grpc import AuthServiceStub
from funland_client.channel import CHANNEL_OPTIONS, secured
from funland_client.status import error_from_call

_SECONDS: Final = 10.0
"""Others wait meanwhile."""


def next_token(address: str, ca: str | PathLike[str] | None, refresh_token: str) -> Token:
    """The tokens after those of a refresh token, which is used up by that.

    Raises a FunlandError; CredentialsInvalidError and CredentialsExpiredError mean that the login
    is over.
    """
    target, credentials = secured(address, ca)
    channel = (
        grpc.insecure_channel(target, CHANNEL_OPTIONS)
        if credentials is None
        else grpc.secure_channel(target, credentials, CHANNEL_OPTIONS)
    )
    with channel:
        try:
            return AuthServiceStub(channel).CreateToken(
                CreateTokenRequest(refresh_token=refresh_token), timeout=_SECONDS
            )
        except grpc.RpcError as error:
            raise error_from_call(error, address) from error
