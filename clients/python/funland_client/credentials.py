"""Who calls: the key or the login that goes with each call, and how an expired one is made new."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from funland.v1.auth_pb2 import Token
from funland_client.channel import is_loopback
from funland_client.errors import (
    CredentialsInvalidError,
    KeyUnsafeError,
    UnauthenticatedError,
)
from funland_client.kept_logins import KeptLogin, KeptLogins

KEY_VARIABLE: Final = "FUNLAND_KEY"
"""Names the environment's variable with a key, or an access token."""

Metadata = tuple[tuple[str, str], ...]
Refresh = Callable[[str], Token]
"""Of a refresh token: asks the server for the next tokens."""


class Origin(StrEnum):
    """Where what is sent comes from."""

    ARGUMENT = "argument"
    VARIABLE = "variable"
    LOGIN = "login"
    NOWHERE = "nowhere"


def chosen(
    key: str | None, variable: str | None, kept: Callable[[], KeptLogin | None]
) -> tuple[Origin, KeptLogin | None]:
    """What is sent: the key that is given, else the environment's, else what is kept.

    An empty `key` is none, and has nothing sent; an empty variable is as good as none.
    """
    if key is not None:
        return Origin.ARGUMENT, KeptLogin("", checked(key)) if key.strip() else None
    if variable and variable.strip():
        return Origin.VARIABLE, KeptLogin("", checked(variable))
    if (login := kept()) is not None:
        return Origin.LOGIN, login
    return Origin.NOWHERE, None


def checked(key: str) -> str:
    """A key without the space around it; raises CredentialsInvalidError, without the key, if it
    has characters that none has: gRPC would show it in its own error."""
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise CredentialsInvalidError(
            "What was given as a key has characters that no key and no token has."
        )
    return key


class Credentials:
    """What one client sends to one server.

    `encrypted` is whether the channel is; `place` the address without its scheme. Raises
    KeyUnsafeError, before anything is sent, where a secret would leave this machine in the open.
    """

    def __init__(
        self, key: str | None, place: str, *, encrypted: bool, refresh: Refresh, logins: KeptLogins
    ) -> None:
        self._place = place
        self._safe = encrypted or is_loopback(place)
        self._refresh = refresh
        self._logins = logins
        self._lock = threading.Lock()
        self._over: tuple[str, Exception] | None = None
        self._sent: KeptLogin | None = None
        self._on_disk = True
        self.origin, sent = chosen(key, os.environ.get(KEY_VARIABLE), lambda: logins.get(place))
        self._use(sent)

    @property
    def metadata(self) -> Metadata:
        """What goes with a call now."""
        sent = self._sent
        return () if sent is None else (("authorization", f"Bearer {sent.secret}"),)

    @property
    def renewable(self) -> bool:
        """Whether `renew` can make something new; a key stays as it is."""
        return self._sent is not None and bool(self._sent.refresh_token)

    def check(self) -> None:
        """Raises KeyUnsafeError if a secret can't be sent at all."""
        if not self._safe:
            raise KeyUnsafeError(self._place)

    def renew(self, refused: Metadata) -> bool:
        """Makes an expired login new, once for all calls of all processes that it was refused to;
        tells whether there is something else to send than what was `refused`.

        It waits for the server. Raises what the server says of a login that is over.
        """
        with self._lock:
            if self._sent is None or self.metadata != refused:
                return self._sent is not None
            if not self._sent.refresh_token:
                return False
            with self._logins.locked():
                self._sent = self._next(self._sent)
            return True

    def keep(self, login: KeptLogin, *, on_disk: bool) -> None:
        """Sends a login from now on; if it is to be on the disk, later clients do so too."""
        self._use(login)
        self.origin, self._on_disk = Origin.LOGIN, on_disk
        if on_disk:
            with self._logins.locked():
                self._logins.put(self._place, login)

    def swap(self, login: KeptLogin | None) -> KeptLogin | None:
        """Sends another from now on; gives what was sent before."""
        before = self._sent
        self._use(login)
        return before

    def forget(self) -> KeptLogin | None:
        """Sends nothing any more, nor do later clients; gives the login that was kept."""
        own = self._sent if self.origin is Origin.LOGIN else None
        if own is None or self._on_disk:
            with self._logins.locked():
                own = self._logins.get(self._place) or own
                self._logins.remove(self._place)
        self._sent, self.origin = None, Origin.NOWHERE
        return own

    def _use(self, login: KeptLogin | None) -> None:
        if login is not None:
            self.check()
        self._sent = login

    def _next(self, expired: KeptLogin) -> KeptLogin:
        """The login after an expired one; the lock is held."""
        kept = self._logins.get(self._place) if self._on_disk else None
        if kept is not None and kept.username != expired.username:
            kept = None  # somebody else has logged in since: this client stays who it is
        if kept is not None and kept.refresh_token != expired.refresh_token:
            return kept  # another process has done it
        if self._over is not None and self._over[0] == expired.refresh_token:
            raise self._over[1]
        try:
            token = self._refresh(expired.refresh_token)
        except UnauthenticatedError as error:
            self._over = (expired.refresh_token, error)
            raise
        login = of_token(expired.username, token)
        if kept is not None:
            self._logins.put(self._place, login)
        return login


def of_token(username: str, token: Token) -> KeptLogin:
    """What is kept of a login."""
    return KeptLogin(username, token.access_token, token.refresh_token)
