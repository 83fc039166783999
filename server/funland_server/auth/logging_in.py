"""Gives tokens for passwords and refresh tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from funland.v1.auth_pb2 import PasswordGrant, Token, User
from funland_server.auth.delays import Delays
from funland_server.auth.errors import (
    CredentialsInvalidError,
    LoginDelayedError,
    PasswordWrongError,
    UserNotFoundError,
)
from funland_server.auth.logins import Login, Logins
from funland_server.auth.passwords import Passwords
from funland_server.auth.people import People, Person, folded
from funland_server.auth.recognizing import Recognizer
from funland_server.auth.roles import of_role
from funland_server.auth.signing import SigningKeys
from funland_server.auth.tokens import Claims, read, signed
from funland_server.config import ServerSettings
from funland_server.errors import UnauthenticatedError
from funland_server.live import Live

_DAY: float = 86_400


@dataclass(slots=True)
class LoggingIn:
    """Begins logins, goes on with them and ends them."""

    settings: Live[ServerSettings]
    people: People
    logins: Logins
    signing: SigningKeys
    passwords: Passwords
    recognizer: Recognizer
    delays: Delays = field(default_factory=Delays)
    clock: Callable[[], float] = time.time

    async def with_password(self, grant: PasswordGrant, address: str) -> Token:
        """A token for a name and a password.

        Raises:
            PasswordWrongError: There is no such user with it, or they may not call.
            LoginDelayedError: Too many were wrong.
        """
        person = await self.checked(grant.username, grant.password, address)
        now = self._now()
        days = self.settings.now.refresh_days
        login = await self.logins.begin(person.user.user_id, now, now + int(days * _DAY * 1e6))
        await self.people.logged_in(person.user.user_id, now)
        return await self._token(login, person.user)

    async def with_refresh_token(self, token: str) -> Token:
        """The next token of a login; raises CredentialsInvalidError, CredentialsExpiredError."""
        login = await self.logins.refresh(token, self._now())
        if login is None:
            self.recognizer.forget()
            raise CredentialsInvalidError
        try:
            user = (await self.people.get(login.user_id)).user
        except UserNotFoundError as error:
            raise CredentialsInvalidError from error
        if not user.is_active:
            raise CredentialsInvalidError
        return await self._token(login, user)

    async def end(self, token: str) -> None:
        """Ends the login of a refresh token, or of an access token."""
        login_id = await self.logins.of_refresh_token(token)
        if login_id is None:
            try:
                login_id = read(token, await self.signing.known()).login_id
            except UnauthenticatedError:
                return
        await self.logins.end(login_id)
        self.recognizer.forget()

    async def rotate(self, *, forget: bool) -> None:
        """Has another key sign from now on; with `forget`, all logins end."""
        keep = self.settings.now.token_seconds
        await self.signing.rotate(self._now(), keep, forget=forget)
        if forget:
            await self.logins.end_all()
            self.recognizer.forget()

    async def checked(self, username: str, password: str, address: str) -> Person:
        """The user of a name and a password; raises as `with_password`."""
        name, now = folded(username), self.clock()
        if (seconds := self.delays.wait(name, address, now)) > 0:
            raise LoginDelayedError(seconds)
        # Counted before anything is waited for, so that those who ask all at once gain nothing by
        # that.
        self.delays.failed(name, address, now)
        try:
            person = await self.people.named(username)
        except UserNotFoundError:
            person = None
        kept = person.password_hash if person is not None else ""
        if not await self.passwords.right(password, kept) or person is None:
            raise PasswordWrongError
        self.delays.succeeded(name, address)
        if not person.user.is_active:
            raise PasswordWrongError
        return person

    async def _token(self, login: Login, user: User) -> Token:
        scopes = of_role(user.role)
        claims = Claims(user.user_id, login.login_id, scopes)
        seconds = self.settings.now.token_seconds
        token = Token(
            access_token=signed(claims, await self.signing.current(), self.clock(), seconds),
            token_type="bearer",  # noqa: S106 - OAuth's word for a kind of token
            refresh_token=login.refresh_token,
            scopes=sorted(scopes),
        )
        token.expires_in.FromTimedelta(timedelta(seconds=seconds))
        return token

    def _now(self) -> int:
        return int(self.clock() * 1e6)
