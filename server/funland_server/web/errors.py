"""What can go wrong with a foreign URL. No message has more of a URL than its host.

FailedPreconditionError
├── OfflineError                OFFLINE
└── AnswerInvalidError          HUB_ANSWER_INVALID
PermissionDeniedError
└── AddressNotAllowedError      ADDRESS_NOT_ALLOWED
UnavailableError
└── UnreachableError            HUB_UNREACHABLE
"""

from __future__ import annotations

from enum import Enum

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    FailedPreconditionError,
    PermissionDeniedError,
    UnavailableError,
)


class OfflineError(FailedPreconditionError):
    """The settings forbid to send anything."""

    reason = ErrorReason.OFFLINE

    def __init__(self) -> None:
        super().__init__(
            "This needs the network, and the setting `offline` forbids to use it. Nothing was sent."
        )


class AddressNotAllowedError(PermissionDeniedError):
    """A URL leads to an address that is not called."""

    reason = ErrorReason.ADDRESS_NOT_ALLOWED

    def __init__(self, host: str, why: str) -> None:
        where = f"A URL of {host}" if host else "A URL"
        super().__init__(f"{where} is not called: {why}.", host=host)


class Trouble(Enum):
    """How an exchange failed."""

    UNKNOWN_HOST = "its name can't be looked up"
    NO_CONNECTION = "no connection can be made"
    BAD_CERTIFICATE = "its certificate is not valid"
    NO_FIRST_BYTE = "it did not answer in time"
    STALLED = "it sent nothing more for too long"
    CUT = "it closed the connection in mid-answer"
    NO_HTTP = "it does not speak HTTP as it should"


class UnreachableError(UnavailableError):
    """The host did not answer, or not to the end."""

    reason = ErrorReason.HUB_UNREACHABLE

    def __init__(self, host: str, trouble: Trouble) -> None:
        super().__init__(f"{host} can't be reached: {trouble.value}.", hub=host)
        self.trouble = trouble


class AnswerInvalidError(FailedPreconditionError):
    """The host answered with what can't be used."""

    reason = ErrorReason.HUB_ANSWER_INVALID

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"The answer of {host} can't be used: {why}.", hub=host)
