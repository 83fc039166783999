"""What can go wrong with downloads.

NotFoundError
└── DownloadNotFoundError       DOWNLOAD_NOT_FOUND
FailedPreconditionError
└── DownloadStateError          DOWNLOAD_STATE
AbortedError
└── DownloadSourceChangedError  DOWNLOAD_SOURCE_CHANGED
UnavailableError
└── DownloadInterruptedError    DOWNLOAD_INTERRUPTED
DataLossError
└── DownloadCorruptError        DOWNLOAD_CORRUPT
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    AbortedError,
    DataLossError,
    FailedPreconditionError,
    NotFoundError,
    UnavailableError,
)


class DownloadNotFoundError(NotFoundError):
    """No download has that id."""

    reason = ErrorReason.DOWNLOAD_NOT_FOUND

    def __init__(self, download_id: str) -> None:
        super().__init__(f"There is no download {download_id!r}.", download_id=download_id)


class DownloadStateError(FailedPreconditionError):
    """The download's state does not allow this."""

    reason = ErrorReason.DOWNLOAD_STATE


class DownloadCorruptError(DataLossError):
    """A file is not what the hub says, however often it is fetched."""

    reason = ErrorReason.DOWNLOAD_CORRUPT


class DownloadInterruptedError(UnavailableError):
    """The line or the hub failed too often without a byte in between."""

    reason = ErrorReason.DOWNLOAD_INTERRUPTED


class DownloadSourceChangedError(AbortedError):
    """The file on the hub changes again and again while it is fetched."""

    reason = ErrorReason.DOWNLOAD_SOURCE_CHANGED
