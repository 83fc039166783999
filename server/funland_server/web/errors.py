"""What can go wrong before a byte is sent to somebody else.

FailedPreconditionError
└── OfflineError                OFFLINE
PermissionDeniedError
└── AddressNotAllowedError      ADDRESS_NOT_ALLOWED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FailedPreconditionError, PermissionDeniedError


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
