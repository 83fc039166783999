"""Makes, changes and removes users and keys, for those who may."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final

from funland.v1 import auth_pb2
from funland.v1.auth_pb2 import AccessKey, User
from funland_server.auth.errors import (
    AccessKeyNotFoundError,
    CredentialsMissingError,
    ScopeMissingError,
)
from funland_server.auth.gate import AccountsGate
from funland_server.auth.keys import PREFIX, Keys, id_of, new_secret
from funland_server.auth.passwords import Passwords
from funland_server.auth.people import Changes, People
from funland_server.auth.recognizing import Recognizer
from funland_server.auth.roles import beyond, of_role
from funland_server.errors import FieldInvalidError, Violation
from funland_server.identity import Identity

_PAGE: Final = 100
_DIGITS: Final = 18
_BOUNDED: Final = "A key with limits, or one that expires, can't make others: log in for that."


@dataclass(frozen=True, slots=True)
class Managing:
    """What admins do with users, and everybody with their own keys."""

    people: People
    keys: Keys
    passwords: Passwords
    recognizer: Recognizer
    gate: AccountsGate

    async def make_user(self, request: auth_pb2.CreateUserRequest, by: Identity) -> User:
        """A new user; raises UserExistsError, and ScopeMissingError if they could do more than
        `by`."""
        _is_within(request.role or User.MEMBER, by)
        user = User(
            user_id="usr_" + secrets.token_hex(8),
            username=request.username,
            email=request.email,
            role=request.role or User.MEMBER,
            is_active=True,
        )
        user.create_time.FromMicroseconds(_now())
        kept = await self.passwords.hashed(request.password) if request.password else ""
        return await self.people.add(user, kept)

    async def change_user(self, request: auth_pb2.UpdateUserRequest, by: Identity) -> User:
        """Changes what is set; raises UserNotFoundError, LastAdminError, and ScopeMissingError if
        they can or could do more than `by`."""
        _is_within((await self.people.get(request.user_id)).user.role, by)
        changes = Changes()
        if request.HasField("email"):
            changes["email"] = request.email
        if request.HasField("role"):
            _is_within(request.role, by)
            changes["role"] = request.role
        if request.HasField("is_active"):
            changes["is_active"] = int(request.is_active)
        if request.HasField("password"):
            changes["password_hash"] = await self.passwords.hashed(request.password)
        ends_logins = request.HasField("password") or changes.get("is_active") == 0
        user = await self.people.change(request.user_id, changes, ends_logins=ends_logins)
        self.recognizer.forget()
        return user

    async def set_password(self, user_id: str, password: str) -> None:
        """Gives a user another password, and ends their logins."""
        changes = Changes(password_hash=await self.passwords.hashed(password))
        await self.people.change(user_id, changes, ends_logins=True)
        self.recognizer.forget()

    async def remove_user(self, user_id: str, by: Identity) -> None:
        """Raises as `change_user`."""
        _is_within((await self.people.get(user_id)).user.role, by)
        await self.people.remove(user_id)
        self.recognizer.forget()

    async def users(self, request: auth_pb2.ListUsersRequest) -> auth_pb2.ListUsersResponse:
        """A page of them."""
        size = request.page_size or _PAGE
        users, total = await self.people.page(page_number(request.page_token), size)
        more = len(users) > size
        return auth_pb2.ListUsersResponse(
            users=users[:size],
            next_page_token=str(users[size - 1].number) if more else "",
            total_size=total,
        )

    async def make_key(self, request: auth_pb2.CreateAccessKeyRequest, by: Identity) -> AccessKey:
        """A new key, with its secret.

        Raises:
            ScopeMissingError: It would be allowed more than `by` or its user is, or `by` has a key
                that may not make others: its limits and its end would not be theirs.
            UserNotFoundError
            CredentialsMissingError: It is not said whose it is to be.
        """
        _may_manage_keys(by)
        if by.key_id and _is_bounded((await self.keys.get(by.key_id)).key):
            raise ScopeMissingError("manage", _BOUNDED)
        user_id = request.user_id or by.user_id
        if not user_id:
            raise CredentialsMissingError
        if user_id != by.user_id and not by.is_admin:
            raise ScopeMissingError("admin")
        user = (await self.people.get(user_id)).user
        allowed = of_role(user.role) if by.is_admin else by.scopes
        scopes = sorted(request.scopes or allowed)
        for limits in (allowed, of_role(user.role)):
            if more := beyond(scopes, limits):
                raise ScopeMissingError(
                    more[0], f"The key would be allowed {more[0]!r}, which is more than may be."
                )
        if request.HasField("expire_time") and request.expire_time.ToMicroseconds() <= _now():
            raise FieldInvalidError([Violation("expire_time", "must be in the future")])
        secret = new_secret()
        key = AccessKey(
            key_id=id_of(secret) or PREFIX,
            user_id=user_id,
            name=request.name,
            scopes=scopes,
            limits=request.limits,
        )
        if request.HasField("expire_time"):
            key.expire_time.CopyFrom(request.expire_time)
        key.create_time.FromMicroseconds(_now())
        await self.keys.add(key, secret)
        key.secret = secret
        return key

    async def key(self, key_id: str, by: Identity) -> AccessKey:
        """One's own key; raises AccessKeyNotFoundError."""
        key = (await self.keys.get(key_id)).key
        if not by.sees(key.user_id):
            raise AccessKeyNotFoundError(key_id)
        key.usage.CopyFrom(self.gate.usage(key_id))
        return key

    async def all_keys(
        self, request: auth_pb2.ListAccessKeysRequest, by: Identity
    ) -> auth_pb2.ListAccessKeysResponse:
        """A page of one's own keys; for an admin, of all."""
        if request.user_id not in ("", by.user_id) and not by.is_admin:
            raise ScopeMissingError("admin")
        user_id = request.user_id or ("" if by.is_admin else by.user_id)
        size = request.page_size or _PAGE
        keys, total = await self.keys.page(
            user_id, ended=request.include_ended, now=_now(), after=_place(request.page_token),
            size=size,
        )  # fmt: skip
        last = keys[size - 1] if len(keys) > size else None
        for key in keys:
            key.usage.CopyFrom(self.gate.usage(key.key_id))
        return auth_pb2.ListAccessKeysResponse(
            keys=keys[:size],
            next_page_token=(
                "" if last is None else f"{last.create_time.ToMicroseconds()}:{last.key_id}"
            ),
            total_size=total,
        )

    async def revoke_key(self, key_id: str, by: Identity) -> AccessKey:
        """Ends one's own key; raises AccessKeyNotFoundError, ScopeMissingError."""
        _may_manage_keys(by)
        await self.key(key_id, by)
        await self.keys.revoke(key_id, _now())
        self.recognizer.forget()
        return await self.key(key_id, by)


def _may_manage_keys(by: Identity) -> None:
    """A key that leaked is not to make others, unless it may manage."""
    if by.key_id and not by.may("manage", "auth"):
        raise ScopeMissingError("manage")


def _is_bounded(key: AccessKey) -> bool:
    return key.HasField("expire_time") or key.limits.ByteSize() > 0


def _is_within(role: User.Role.ValueType, by: Identity) -> None:
    """Who may manage users, and nothing else, is not to make somebody who may do all."""
    if not by.is_admin and (more := beyond(of_role(role), by.scopes)):
        raise ScopeMissingError(more[0])


def page_number(token: str) -> int:
    """What a page token of digits says; raises FieldInvalidError."""
    if not token:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= _DIGITS):
        raise _unknown_page()
    return int(token)


def _place(token: str) -> tuple[int, str] | None:
    if not token:
        return None
    when, _, key_id = token.partition(":")
    if not key_id:
        raise _unknown_page()
    return page_number(when), key_id


def _unknown_page() -> FieldInvalidError:
    return FieldInvalidError([Violation("page_token", "was never given out")])


def _now() -> int:
    return time.time_ns() // 1000
