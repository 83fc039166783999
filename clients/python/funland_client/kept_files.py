"""What is sent of files, and how what comes of one becomes a file here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import BinaryIO, Final, Self, cast

from funland.v1.files_pb2 import File, UploadFileRequest
from funland_client.errors import FileDamagedError
from funland_client.fields import filled

Source = str | os.PathLike[str] | bytes | BinaryIO | Iterable[bytes]
"""What to upload: a file by its path, or open, or its content, or the parts of that."""

_CHUNK_BYTES: Final = 1 << 20


class Upload:
    """The messages of an upload, and the hash of what was sent.

    The hash goes before the content, for the server to check, where the content can be read twice.
    """

    def __init__(
        self, source: Source, name: str, purpose: str, media_type: str, retention_seconds: int
    ) -> None:
        self._source = source
        self._sent = hashlib.sha256()
        values = {
            "name": name or _name(source),
            "purpose": purpose,
            "media_type": media_type,
            "retention_seconds": retention_seconds,
        }
        self._first = filled(UploadFileRequest, "", values)

    def messages(self) -> Iterator[UploadFileRequest]:
        """Gives them, once; reads the source meanwhile."""
        with _opened(self._source) as (content, parts):
            if content is not None:
                self._first.sha256 = _hash_ahead(content)
            yield self._first
            for chunk in parts:
                self._sent.update(chunk)
                yield UploadFileRequest(data=chunk)

    def check(self, file: File) -> None:
        """Raises FileDamagedError if what the server keeps is not what was sent."""
        check_hash(self._sent.hexdigest(), file)


def check_hash(sha256: str, file: File) -> None:
    """Raises FileDamagedError if a content's hash is not its file's."""
    if sha256 != file.sha256:
        raise FileDamagedError(
            f"What came of {file.name or file.file_id} is not what was sent: its SHA-256 differs.",
            reason="FILE_DAMAGED",
            metadata={"sha256": file.sha256},
        )


class Landing:
    """A file that is written beside its place, and put there when it is whole; else it is gone."""

    def __init__(self, path: Path, file: File) -> None:
        self._path = path
        self._file = file
        self._partial = path.with_name(f".{path.name[:200]}.{token_hex(8)}.part")
        self._hash = hashlib.sha256()
        self._content = self._partial.open("xb")

    def write(self, data: bytes) -> None:
        """Adds what has come."""
        self._hash.update(data)
        self._content.write(data)

    def finish(self) -> None:
        """Puts the file in its place. Raises FileDamagedError if it is not what was kept."""
        check_hash(self._hash.hexdigest(), self._file)
        self._content.flush()
        os.fsync(self._content.fileno())
        self._content.close()
        self._partial.replace(self._path)

    def __enter__(self) -> Self:
        """Gives itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Removes what is not in its place."""
        self._content.close()
        self._partial.unlink(missing_ok=True)


def landing_place(path: str | os.PathLike[str], file: File) -> Path:
    """Where a file is put: at the path, or in it under its own name if it is a folder."""
    place = Path(path)
    if not place.is_dir():
        return place
    # A name comes from whoever uploaded it: nothing of it may lead out of the folder.
    own = file.name.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return place / (file.file_id if own in ("", ".", "..") else own)


@contextmanager
def _opened(source: Source) -> Generator[tuple[BinaryIO | None, Iterable[bytes]]]:
    """What can be read again from where it is, if it can, and the parts of it."""
    match source:
        case bytes():
            content = BytesIO(source)
            yield content, _chunks(content)
        case str() | os.PathLike():
            with open(source, "rb") as file:  # noqa: PTH123 - any path
                yield file, _chunks(file)
        case _ if hasattr(source, "read"):
            file = cast("BinaryIO", source)
            yield file if file.seekable() else None, _chunks(file)
        case _:
            yield None, cast("Iterable[bytes]", source)


def _hash_ahead(content: BinaryIO) -> str:
    """The hash of what will be read, which is read again afterwards."""
    begin = content.tell()
    ahead = hashlib.sha256()
    for chunk in _chunks(content):
        ahead.update(chunk)
    content.seek(begin)
    return ahead.hexdigest()


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK_BYTES):
        yield chunk


def _name(source: Source) -> str:
    """What a source is called; empty if it is not."""
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    named = getattr(source, "name", "")
    if not isinstance(named, str) or named.startswith("<"):  # as `<stdin>`: not one of a file's
        return ""
    return Path(named).name
