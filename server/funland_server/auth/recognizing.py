"""Finds out who sent a token or a key."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from funland.v1.auth_pb2 import KeyLimits, User
from funland_server.auth.errors import (
    AccessKeyNotFoundError,
    CredentialsExpiredError,
    CredentialsInvalidError,
    CredentialsMissingError,
    UserNotFoundError,
)
from funland_server.auth.keys import KeptKey, Keys, id_of
from funland_server.auth.logins import Logins
from funland_server.auth.people import People
from funland_server.auth.roles import of_role, within
from funland_server.auth.signing import SigningKeys
from funland_server.auth.tokens import read
from funland_server.errors import FunlandError
from funland_server.identity import LOCAL, Identity

logger = structlog.get_logger(__name__)

T = TypeVar("T")

_FRESH_SECONDS: Final = 5.0
"""For so long what the database said is believed: another server may have changed it. What this one
changes counts at once."""
_MOST: Final = 10_000
_DOTS: Final = 2
"""In a JSON web token."""
_USE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Recognized:
    """Who it is, and how much they may do."""

    identity: Identity
    limits: KeyLimits


class Recognizer:
    """Knows all users, keys and logins."""

    def __init__(
        self,
        people: People,
        keys: Keys,
        logins: Logins,
        signing: SigningKeys,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._people = people
        self._keys = keys
        self._logins = logins
        self._signing = signing
        self._known: dict[tuple[str, str], tuple[float, Any]] = {}
        self._used: dict[str, int] = {}
        self._noting: set[asyncio.Task[None]] = set()
        self.own_secret: Final = secrets.token_urlsafe(32)
        """What parts of this process send; it is never kept."""

    async def recognize(self, authorization: str) -> Recognized:
        """Who sent it.

        Raises:
            CredentialsMissingError, CredentialsInvalidError, CredentialsExpiredError
        """
        if not authorization:
            raise CredentialsMissingError
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret.isascii():
            raise CredentialsInvalidError
        if hmac.compare_digest(secret, self.own_secret):
            return Recognized(LOCAL, KeyLimits())
        if (key_id := id_of(secret)) is not None:
            return await self._of_key(key_id, secret)
        if secret.count(".") != _DOTS:
            raise CredentialsInvalidError
        return Recognized(await self._of_token(secret), KeyLimits())

    def forget(self) -> None:
        """Something has changed: all is looked up anew."""
        self._known = {}

    async def _of_key(self, key_id: str, secret: str) -> Recognized:
        kept = await self._once("key", key_id, lambda: self._key(key_id))
        if kept is None or not kept.is_of(secret) or kept.key.HasField("revoke_time"):
            raise CredentialsInvalidError
        now = self._clock()
        if kept.key.HasField("expire_time") and kept.key.expire_time.ToMicroseconds() <= now * 1e6:
            raise CredentialsExpiredError
        user = await self._active(kept.key.user_id)
        self._note_use(key_id, int(now))
        scopes = within(kept.key.scopes, of_role(user.role))
        identity = Identity(
            user.user_id, user.username, scopes, is_admin="admin" in scopes, key_id=key_id
        )
        return Recognized(identity, kept.key.limits)

    async def _of_token(self, token: str) -> Identity:
        claims = read(token, await self._signing.known())
        login_id = claims.login_id
        now = int(self._clock() * 1e6)
        owner = await self._once("login", login_id, lambda: self._logins.user_of(login_id, now))
        if owner != claims.user_id:
            raise CredentialsInvalidError
        user = await self._active(claims.user_id)
        scopes = within(claims.scopes, of_role(user.role))
        return Identity(
            user.user_id, user.username, scopes, is_admin="admin" in scopes, login_id=login_id
        )

    async def _active(self, user_id: str) -> User:
        user = await self._once("user", user_id, lambda: self._user(user_id))
        if user is None or not user.is_active:
            raise CredentialsInvalidError
        return user

    async def _user(self, user_id: str) -> User | None:
        try:
            return (await self._people.get(user_id)).user
        except UserNotFoundError:
            return None

    async def _key(self, key_id: str) -> KeptKey | None:
        try:
            return await self._keys.get(key_id)
        except AccessKeyNotFoundError:
            return None

    async def _once(self, kind: str, name: str, find: Callable[[], Awaitable[T]]) -> T:
        now = time.monotonic()
        when, found = self._known.get((kind, name), (now - _FRESH_SECONDS, None))
        if now - when < _FRESH_SECONDS:
            return found
        known = self._known  # another one, if something changes meanwhile
        found = await find()
        if found is None:
            return found  # names that nobody has are endless
        if len(known) >= _MOST:
            known.clear()
        known[kind, name] = (now, found)
        return found

    def _note_use(self, key_id: str, now: int) -> None:
        if now - self._used.get(key_id, 0) < _USE_SECONDS:
            return
        self._used[key_id] = now
        noting = asyncio.create_task(self._note(key_id, now * 1_000_000))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _note(self, key_id: str, now: int) -> None:
        try:
            await self._keys.used(key_id, now)
        except FunlandError as error:
            logger.warning("use_of_key_not_noted", reason=error.message)

    async def close(self) -> None:
        """Waits for what is being noted."""
        await asyncio.gather(*self._noting)
