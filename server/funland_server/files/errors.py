"""What can go wrong with files.

NotFoundError
├── UnknownFileError       FILE_NOT_FOUND
└── UnknownUploadError     UPLOAD_NOT_FOUND
InvalidArgumentError
├── FileTooLargeError      FILE_TOO_LARGE
└── FileDamagedError       FILE_DAMAGED
FailedPreconditionError
├── FileElsewhereError     FILE_ELSEWHERE
├── UploadOffsetError      UPLOAD_OFFSET_WRONG
└── UploadIncompleteError  UPLOAD_INCOMPLETE
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

    def __init__(self, limit_bytes: int, allowing: str = "server.file_bytes") -> None:
        super().__init__(
            f"The file has more than {limit_bytes} bytes, the most that {allowing} allows.",
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


class UnknownUploadError(NotFoundError):
    """No upload has that id."""

    reason = ErrorReason.UPLOAD_NOT_FOUND

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"There is no upload {upload_id!r}: begin another.", upload_id=upload_id)


class UploadOffsetError(FailedPreconditionError):
    """The bytes belong elsewhere."""

    reason = ErrorReason.UPLOAD_OFFSET_WRONG

    def __init__(self, upload_id: str, offset: int) -> None:
        super().__init__(
            f"Upload {upload_id!r} goes on at byte {offset}.",
            upload_id=upload_id,
            offset=str(offset),
        )


class UploadIncompleteError(FailedPreconditionError):
    """Bytes of the upload are missing."""

    reason = ErrorReason.UPLOAD_INCOMPLETE

    def __init__(self, upload_id: str, offset: int, size_bytes: int) -> None:
        super().__init__(
            f"Upload {upload_id!r} has {offset} of {size_bytes} bytes: send the others first.",
            upload_id=upload_id,
            offset=str(offset),
            size_bytes=str(size_bytes),
        )
