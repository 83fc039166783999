"""Who calls: logging in and out, users, their keys, and what was done with them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, Literal

from funland.v1.auth_pb2 import (
    AccessKey,
    AuditEvent,
    ChangePasswordRequest,
    CreateAccessKeyRequest,
    CreateTokenRequest,
    CreateUserRequest,
    CurrentUser,
    DeleteUserRequest,
    GetAccessKeyRequest,
    GetCurrentUserRequest,
    GetUserRequest,
    KeyLimits,
    ListAccessKeysRequest,
    ListAuditEventsRequest,
    ListUsersRequest,
    PasswordGrant,
    RevokeAccessKeyRequest,
    RevokeTokenRequest,
    RotateSigningKeyRequest,
    Token,
    UpdateUserRequest,
    User,
)
from funland.v1.auth_pb2_grpc import AuthServiceStub
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.credentials import Origin, checked, of_token
from funland_client.fields import filled
from funland_client.flavours import async_off_the_loop
from funland_client.kept_logins import KeptLogin

Role = Literal["admin", "member", "viewer"]


class AsyncAuth:
    """Who calls, as `client.auth`.

    A login is kept for the server's address in the user's folder of settings, unless `keep` is
    false, and is refreshed by itself.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._credentials = connection.credentials
        self._stub = AuthServiceStub(connection.channel)

    @property
    def origin(self) -> Origin:
        """Where what is sent with calls comes from."""
        return self._credentials.origin

    async def login(self, username: str, password: str, *, keep: bool = True) -> Token:
        """Logs in; later calls of this client are made so, and if it is kept those of others.

        Raises PasswordWrongError, LoginDelayedError, and KeyUnsafeError where the password would
        be sent unencrypted.
        """
        self._credentials.check()
        grant = filled(PasswordGrant, "password", {"username": username, "password": password})
        request = CreateTokenRequest(password=grant)
        token = await self._connection.call(self._stub.CreateToken, request, once=True)
        await self._use(of_token(username, token), keep)
        return token

    async def login_with_key(self, key: str, *, keep: bool = True) -> CurrentUser:
        """As `login`, with an access key or a token. Raises CredentialsInvalidError."""
        self._credentials.check()
        sent = KeptLogin("", checked(key))
        before = self._credentials.swap(sent)
        try:
            who = await self.whoami()
        except BaseException:
            self._credentials.swap(before)
            raise
        await self._use(KeptLogin(who.user.username, sent.secret), keep)
        return who

    async def logout(self) -> bool:
        """Ends the login that is kept for the server; tells whether there was one. A key that is
        kept is forgotten, and counts until it is revoked. It is forgotten if the server can't be
        told, too: then its error is raised."""
        kept = await async_off_the_loop(self._credentials.forget)
        if kept is None:
            return False
        if kept.refresh_token:
            request = RevokeTokenRequest(token=kept.refresh_token)
            await self._connection.call(self._stub.RevokeToken, request)
        return True

    async def whoami(self) -> CurrentUser:
        """Tells who calls, and what they may do."""
        return await self._connection.call(self._stub.GetCurrentUser, GetCurrentUserRequest())

    async def change_password(self, old_password: str, new_password: str) -> None:
        """Changes the caller's password, which ends all their logins: log in again."""
        self._credentials.check()
        values = {"old_password": old_password, "new_password": new_password}
        request = filled(ChangePasswordRequest, "", values)
        await self._connection.call(self._stub.ChangePassword, request, once=True)

    async def create_user(
        self, username: str, password: str = "", *, email: str = "", role: Role = "member"
    ) -> User:
        """Makes a user; without a password they can't log in, but keys work."""
        if password:
            self._credentials.check()
        values = {"username": username, "password": password, "email": email, "role": role}
        request = filled(CreateUserRequest, "", values)
        return await self._connection.call(self._stub.CreateUser, request, once=True)

    async def get_user(self, user_id: str) -> User:
        """Gets a user."""
        request = filled(GetUserRequest, "", {"user_id": user_id})
        return await self._connection.call(self._stub.GetUser, request)

    async def list_users(self) -> list[User]:
        """Gets all users, in the order in which they were made."""
        users: list[User] = []
        request = ListUsersRequest()
        while True:
            page = await self._connection.call(self._stub.ListUsers, request)
            users.extend(page.users)
            if not page.next_page_token:
                return users
            request.page_token = page.next_page_token

    async def update_user(
        self,
        user_id: str,
        *,
        email: str | None = None,
        role: Role | None = None,
        is_active: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Changes a user; what is None stays. A new password, or not to be active, ends all their
        logins."""
        if password is not None:
            self._credentials.check()
        given = {"email": email, "role": role, "is_active": is_active, "password": password}
        values = {field: value for field, value in given.items() if value is not None}
        request = filled(UpdateUserRequest, "", {"user_id": user_id, **values})
        return await self._connection.call(self._stub.UpdateUser, request)

    async def delete_user(self, user_id: str) -> None:
        """Removes a user and their keys. What they made stays, for admins."""
        request = filled(DeleteUserRequest, "", {"user_id": user_id})
        await self._connection.call(self._stub.DeleteUser, request, once=True)

    async def create_key(
        self,
        name: str,
        *,
        scopes: Sequence[str] = (),
        expire_time: datetime | None = None,
        limits: KeyLimits | None = None,
        user_id: str = "",
    ) -> AccessKey:
        """Makes an access key; its `secret` is told here and never again.

        `scopes` are such as `read` or `manage:tasks`; none: all that the caller may do.
        `expire_time` without a zone is this machine's. An empty `user_id` is the caller.
        """
        values: dict[str, Any] = {"name": name, "scopes": scopes, "user_id": user_id}
        request = filled(CreateAccessKeyRequest, "", values)
        if expire_time is not None:
            request.expire_time.FromMicroseconds(int(expire_time.timestamp() * 1e6))
        if limits is not None:
            request.limits.CopyFrom(limits)
        return await self._connection.call(self._stub.CreateAccessKey, request, once=True)

    async def get_key(self, key_id: str) -> AccessKey:
        """Gets an access key of the caller's; an admin gets anybody's."""
        request = filled(GetAccessKeyRequest, "", {"key_id": key_id})
        return await self._connection.call(self._stub.GetAccessKey, request)

    async def list_keys(self, *, user_id: str = "", include_ended: bool = False) -> list[AccessKey]:
        """Gets the caller's access keys, the newest first; an admin gets all, or somebody's."""
        keys: list[AccessKey] = []
        values = {"user_id": user_id, "include_ended": include_ended}
        request = filled(ListAccessKeysRequest, "", values)
        while True:
            page = await self._connection.call(self._stub.ListAccessKeys, request)
            keys.extend(page.keys)
            if not page.next_page_token:
                return keys
            request.page_token = page.next_page_token

    async def revoke_key(self, key_id: str) -> AccessKey:
        """Ends an access key."""
        request = filled(RevokeAccessKeyRequest, "", {"key_id": key_id})
        return await self._connection.call(self._stub.RevokeAccessKey, request)

    async def audit(
        self, *, user_id: str = "", rpc: str = "", failed_only: bool = False, page_size: int = 0
    ) -> AsyncGenerator[AuditEvent]:
        """Gives what was done, the newest first, page by page for as long as it is asked: by a
        user, of an RPC such as `AuthService.CreateUser`, or only what failed."""
        values = {
            "user_id": user_id,
            "rpc": rpc,
            "failed_only": failed_only,
            "page_size": page_size,
        }
        request = filled(ListAuditEventsRequest, "", values)
        while True:
            page = await self._connection.call(self._stub.ListAuditEvents, request)
            for event in page.events:
                yield event
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def rotate_signing_key(self, *, revoke_tokens: bool = False) -> None:
        """Has tokens signed with a new key from now on; with `revoke_tokens` all tokens end."""
        request = RotateSigningKeyRequest(revoke_tokens=revoke_tokens)
        await self._connection.call(self._stub.RotateSigningKey, request, once=True)

    async def _use(self, login: KeptLogin, keep: bool) -> None:
        await async_off_the_loop(lambda: self._credentials.keep(login, on_disk=keep))
