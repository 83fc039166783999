"""A file that is sent in several calls, from wherever the last one came to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from funland.v1.uploads_pb2 import AppendUploadRequest, Upload

Progress = Callable[[Upload], None]
"""Is told how far an upload is, after each call."""

RESUMES: Final = 10
"""How often an upload goes on after calls that brought nothing, if calls are made again at all."""
_CALL_BYTES: Final = 64 << 20
_PART_BYTES: Final = 1 << 20


class SourceFile:
    """A file by its path, which must not change while it is sent."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises OSError."""
        self._path = Path(path)
        self.name = self._path.name
        self.size = self._path.stat().st_size

    def sha256(self) -> str:
        """Of all of it; raises OSError."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def parts(self, offset: int) -> Iterator[bytes]:
        """What one call brings, from a byte on: 64 MiB in parts of 1 MiB. Raises OSError."""
        with self._path.open("rb") as file:
            file.seek(offset)
            for _ in range(_CALL_BYTES // _PART_BYTES):
                if not (part := file.read(_PART_BYTES)):
                    return
                yield part


def messages(upload_id: str, offset: int, parts: Iterable[bytes]) -> Iterator[AppendUploadRequest]:
    """What a call sends: where the bytes belong, then the bytes."""
    yield AppendUploadRequest(upload_id=upload_id, offset=offset)
    for part in parts:
        yield AppendUploadRequest(data=part)
