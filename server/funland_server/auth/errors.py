"""What can go wrong with who calls.

UnauthenticatedError
├── CredentialsMissingError  CREDENTIALS_MISSING
├── CredentialsInvalidError  CREDENTIALS_INVALID
├── CredentialsExpiredError  CREDENTIALS_EXPIRED
└── PasswordWrongError       PASSWORD_WRONG
PermissionDeniedError
└── ScopeMissingError        SCOPE_MISSING
ResourceExhaustedError
├── LoginDelayedError        LOGIN_DELAYED
└── QuotaExceededError       QUOTA_EXCEEDED
NotFoundError
├── UserNotFoundError        USER_NOT_FOUND
└── AccessKeyNotFoundError   ACCESS_KEY_NOT_FOUND
AlreadyExistsError
└── UserExistsError          USER_EXISTS
FailedPreconditionError
└── LastAdminError           LAST_ADMIN
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
)


class CredentialsMissingError(UnauthenticatedError):
    """The call needs an identity, and none came."""

    reason = ErrorReason.CREDENTIALS_MISSING

    def __init__(self) -> None:
        super().__init__(
            "This needs an identity: log in with `funland login`, or send an access token or an"
            " access key as `authorization: Bearer ...`."
        )


class CredentialsInvalidError(UnauthenticatedError):
    """The token or key is none that counts."""

    reason = ErrorReason.CREDENTIALS_INVALID

    def __init__(self) -> None:
        super().__init__("The token or key is not known here, or counts no longer: log in again.")


class CredentialsExpiredError(UnauthenticatedError):
    """The token or key counted until now."""

    reason = ErrorReason.CREDENTIALS_EXPIRED

    def __init__(self) -> None:
        super().__init__("The token or key has expired: refresh it, or log in again.")


class PasswordWrongError(UnauthenticatedError):
    """There is no such user with this password."""

    reason = ErrorReason.PASSWORD_WRONG

    def __init__(self) -> None:
        super().__init__("The user name or the password is wrong.")


class ScopeMissingError(PermissionDeniedError):
    """The role or the key does not allow it."""

    reason = ErrorReason.SCOPE_MISSING

    def __init__(self, scope: str, message: str = "") -> None:
        super().__init__(
            message or f"This needs the scope {scope!r}, which the caller does not have.",
            scope=scope,
        )


class LoginDelayedError(ResourceExhaustedError):
    """Too many wrong passwords came."""

    reason = ErrorReason.LOGIN_DELAYED

    def __init__(self, seconds: float) -> None:
        super().__init__("Too many wrong passwords came; wait before the next.")
        self.retry_seconds = seconds


class QuotaExceededError(ResourceExhaustedError):
    """A limit of the key is reached."""

    reason = ErrorReason.QUOTA_EXCEEDED

    def __init__(self, limit: str, value: int, seconds: float) -> None:
        super().__init__(
            f"The key's limit {limit} of {value} is reached.", limit=limit, value=str(value)
        )
        self.retry_seconds = seconds


class UserNotFoundError(NotFoundError):
    """No user has that id or name."""

    reason = ErrorReason.USER_NOT_FOUND

    def __init__(self, user: str) -> None:
        super().__init__(f"There is no user {user!r}.", user=user)


class AccessKeyNotFoundError(NotFoundError):
    """The caller has no key of that id."""

    reason = ErrorReason.ACCESS_KEY_NOT_FOUND

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"There is no key {key_id!r}; `funland keys` shows those that are.", key_id=key_id
        )


class UserExistsError(AlreadyExistsError):
    """A user has the name."""

    reason = ErrorReason.USER_EXISTS

    def __init__(self, user: str) -> None:
        super().__init__(f"There is a user {user!r} already.", user=user)


class LastAdminError(FailedPreconditionError):
    """There would be no active admin."""

    reason = ErrorReason.LAST_ADMIN

    def __init__(self) -> None:
        super().__init__("Nobody would be left who may manage users: make another admin first.")
