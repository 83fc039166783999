"""What can go wrong with the database and the disk.

ResourceExhaustedError
└── StorageFullError            STORAGE_FULL
UnavailableError
└── StorageUnavailableError     STORAGE_UNAVAILABLE
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import ResourceExhaustedError, UnavailableError


class StorageFullError(ResourceExhaustedError):
    """The disk has no room for what is to be kept."""

    reason = ErrorReason.STORAGE_FULL

    def __init__(self) -> None:
        super().__init__(
            "The disk has no room for what is to be kept. Free some, or name another home in the"
            " settings."
        )


class StorageUnavailableError(UnavailableError):
    """The database can't be reached, or was lost on the way; or a file can't be used."""

    reason = ErrorReason.STORAGE_UNAVAILABLE
    retry_seconds = 1.0

    def __init__(self, message: str = "") -> None:
        """`message` says what is wrong if it is not the database."""
        super().__init__(
            message
            or "The database can't be reached at the moment; try again. What was to be written may"
            " be written or not."
        )
