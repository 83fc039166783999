"""What can go wrong with files.

NotFoundError
└── UnknownFileError    FILE_NOT_FOUND
InvalidArgumentError
├── FileTooLargeError   FILE_TOO_LARGE
└── FileDamagedError    FILE_DAMAGED
FailedPreconditionError
└── FileElsewhereError  FILE_ELSEWHERE
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError


class UnknownFileError(NotFoundError):
    """No file has that id."""

    reason = ErrorReason.FILE_NOT_FOUND

    def __init__(self, file_id: str) -> None:
        super().__init__(
            f"There is no file {file_id!r}; `funland files` shows those that are.",
            file_id=file_id,
        )


class FileTooLargeError(InvalidArgumentError):
    """A file has more bytes than may be."""

    reason = ErrorReason.FILE_TOO_LARGE

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The file has more than {limit_bytes} bytes, the most that server.file_bytes allows.",
            limit_bytes=str(limit_bytes),
        )


class FileDamagedError(InvalidArgumentError):
    """What came is not what its hash says."""

    reason = ErrorReason.FILE_DAMAGED

    def __init__(self, sha256: str) -> None:
        super().__init__(
            f"What came has another SHA-256 than {sha256}: send it once more.",
            sha256=sha256,
        )


class FileElsewhereError(FailedPreconditionError):
    """Another of the servers that share the database has the file."""

    reason = ErrorReason.FILE_ELSEWHERE

    def __init__(self, file_id: str) -> None:
        super().__init__(
            f"File {file_id!r} is kept by another server of this database: ask that one.",
            file_id=file_id,
        )
