"""`funland.v1.AuthService`: the wire on one side, accounts on the other."""

from __future__ import annotations

from google.protobuf import empty_pb2

from funland.v1 import auth_pb2
from funland_server.auth.audit import Audit
from funland_server.auth.errors import CredentialsMissingError, ScopeMissingError
from funland_server.auth.logging_in import LoggingIn
from funland_server.auth.managing import Managing, page_number
from funland_server.identity import caller


class AuthService:
    """Answers the RPCs of `AuthService`; see `auth.proto`."""

    def __init__(self, logging_in: LoggingIn, managing: Managing, audit: Audit) -> None:
        self._logging_in = logging_in
        self._managing = managing
        self._audit = audit

    async def CreateToken(self, request: auth_pb2.CreateTokenRequest) -> auth_pb2.Token:
        """See `auth.proto`."""
        if request.WhichOneof("grant") == "refresh_token":
            return await self._logging_in.with_refresh_token(request.refresh_token)
        return await self._logging_in.with_password(request.password, caller().address)

    async def RevokeToken(self, request: auth_pb2.RevokeTokenRequest) -> empty_pb2.Empty:
        """See `auth.proto`."""
        await self._logging_in.end(request.token)
        return empty_pb2.Empty()

    async def GetCurrentUser(self, request: auth_pb2.GetCurrentUserRequest) -> auth_pb2.CurrentUser:
        """See `auth.proto`."""
        who = caller()
        if not who.user_id:
            raise CredentialsMissingError
        user = (await self._managing.people.get(who.user_id)).user
        current = auth_pb2.CurrentUser(user=user, scopes=sorted(who.scopes))
        if who.key_id:
            current.key.CopyFrom(await self._managing.key(who.key_id, who))
        return current

    async def ChangePassword(self, request: auth_pb2.ChangePasswordRequest) -> empty_pb2.Empty:
        """See `auth.proto`."""
        who = caller()
        if not who.user_id:
            raise CredentialsMissingError
        if who.key_id:
            raise ScopeMissingError("admin", "A key can't change a password: log in for that.")
        await self._logging_in.checked(who.username, request.old_password, caller().address)
        await self._managing.set_password(who.user_id, request.new_password)
        return empty_pb2.Empty()

    async def CreateUser(self, request: auth_pb2.CreateUserRequest) -> auth_pb2.User:
        """See `auth.proto`."""
        return await self._managing.make_user(request, caller())

    async def GetUser(self, request: auth_pb2.GetUserRequest) -> auth_pb2.User:
        """See `auth.proto`."""
        return (await self._managing.people.get(request.user_id)).user

    async def ListUsers(self, request: auth_pb2.ListUsersRequest) -> auth_pb2.ListUsersResponse:
        """See `auth.proto`."""
        return await self._managing.users(request)

    async def UpdateUser(self, request: auth_pb2.UpdateUserRequest) -> auth_pb2.User:
        """See `auth.proto`."""
        return await self._managing.change_user(request, caller())

    async def DeleteUser(self, request: auth_pb2.DeleteUserRequest) -> empty_pb2.Empty:
        """See `auth.proto`."""
        await self._managing.remove_user(request.user_id, caller())
        return empty_pb2.Empty()

    async def CreateAccessKey(self, request: auth_pb2.CreateAccessKeyRequest) -> auth_pb2.AccessKey:
        """See `auth.proto`."""
        return await self._managing.make_key(request, caller())

    async def GetAccessKey(self, request: auth_pb2.GetAccessKeyRequest) -> auth_pb2.AccessKey:
        """See `auth.proto`."""
        return await self._managing.key(request.key_id, caller())

    async def ListAccessKeys(
        self, request: auth_pb2.ListAccessKeysRequest
    ) -> auth_pb2.ListAccessKeysResponse:
        """See `auth.proto`."""
        return await self._managing.all_keys(request, caller())

    async def RevokeAccessKey(self, request: auth_pb2.RevokeAccessKeyRequest) -> auth_pb2.AccessKey:
        """See `auth.proto`."""
        return await self._managing.revoke_key(request.key_id, caller())

    async def ListAuditEvents(
        self, request: auth_pb2.ListAuditEventsRequest
    ) -> auth_pb2.ListAuditEventsResponse:
        """See `auth.proto`."""
        size = request.page_size or 100
        before = page_number(request.page_token) if request.page_token else None
        events = await self._audit.page(request, before, size)
        more = len(events) > size
        return auth_pb2.ListAuditEventsResponse(
            events=events[:size], next_page_token=str(events[size - 1].event_id) if more else ""
        )

    async def RotateSigningKey(self, request: auth_pb2.RotateSigningKeyRequest) -> empty_pb2.Empty:
        """See `auth.proto`."""
        await self._logging_in.rotate(forget=request.revoke_tokens)
        return empty_pb2.Empty()
