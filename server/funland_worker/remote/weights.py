"""The folder of weights on a node: files by their SHA-256, which all workers there share.

`sha256-<digest>` is a file that is whole, `.seal` beside it its size and time when that was last
known, `sha256-<digest>.<size>.part` one that is on its way, `.lock` what its receiver holds. A
worker holds a shared lock on what it uses, and an exclusive one on what it receives, so that nobody
removes either; locks end with the process, whatever becomes of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.remote.leaving import Kept, leaving
from funland_worker.remote.locks import Lock, alone, in_use, is_at
from funland_worker.remote.partial import Partial

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"sha256-[0-9a-f]{64}(?:\.(\d{1,19})\.part)?")
_SEAL: Final = ".seal"


class Weights:
    """The folder as one worker uses it. All methods block, and raise OSError."""

    def __init__(self, folder: Path, limit_bytes: int, own_blobs: Path | None = None) -> None:
        """`own_blobs` is a folder of the same form that is only read."""
        self._folder = folder
        self._limit = limit_bytes
        self._own = own_blobs
        self._held: list[int] = []
        """Descriptors of what is in use, until the process ends."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def held(self) -> Sequence[int]:
        """The descriptors of what is in use."""
        return self._held

    def find(self, sha256: str, size_bytes: int) -> Path | None:
        """Where a file lies that is what its digest says; it stays there. None: nowhere."""
        check_sha256(sha256)
        for folder in (self._folder, self._own):
            if folder is not None and (path := self._found(folder, sha256, size_bytes)):
                return path
        return None

    def receive(self, sha256: str, size_bytes: int) -> Partial | None:
        """The file to go on with, when nobody else receives it; None: it has come meanwhile.

        Raises:
            EngineError: MODEL_TOO_LARGE: there is no room for it.
        """
        check_sha256(sha256)
        path = self._folder / f"sha256-{sha256}.{size_bytes}.part"
        lock = Lock(self._folder / f"sha256-{sha256}.lock")
        try:
            if self.find(sha256, size_bytes) is not None:
                path.unlink(missing_ok=True)
                lock.release()
                return None
            partial = Partial(path, size_bytes, lock)
        except BaseException:
            lock.release()
            raise
        try:
            partial.read()
            self._make_room(path.name, size_bytes)
        except BaseException:
            partial.close()
            raise
        return partial

    def keep(self, partial: Partial, sha256: str) -> Path:
        """Takes a file that is whole into the folder, and keeps it in use.

        Raises:
            EngineError: MODEL_LOAD_FAILED: it is not what its digest says; it is thrown away.
        """
        target = self._folder / f"sha256-{sha256}"
        if not partial.is_what_it_should_be(sha256):
            partial.empty()
            partial.close()
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "A file arrived damaged; load the model again."
            )
        descriptor = partial.finish(target)
        self._held.append(descriptor)
        _seal(target, os.fstat(descriptor))
        partial.release()
        return target

    def _found(self, folder: Path, sha256: str, size_bytes: int) -> Path | None:
        path = folder / f"sha256-{sha256}"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if is_at(descriptor, path) and self._is_right(descriptor, path, sha256, size_bytes):
            self._held.append(descriptor)
            return path
        os.close(descriptor)
        return None

    def _is_right(self, descriptor: int, path: Path, sha256: str, size_bytes: int) -> bool:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size_bytes:
            return False
        ours = path.parent == self._folder
        seal = path.with_name(path.name + _SEAL)
        with suppress(OSError, ValueError):
            if seal.read_text() == _state(found):
                if ours:
                    os.utime(seal)  # used now
                return True
        with os.fdopen(os.dup(descriptor), "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return False
        if ours:
            _seal(path, found)
        return True

    def _make_room(self, receiving: str, size_bytes: int) -> None:
        with alone(self._folder):
            kept = [file for file in self._kept() if file.name != receiving]
            chosen = leaving(kept, size_bytes, self._limit)
            for file in chosen or ():
                _remove(self._folder / file.name)
        if chosen is None:
            raise EngineError(
                ErrorReason.MODEL_TOO_LARGE,
                f"The node's folder for weights has no room for {size_bytes / 1e9:.2f} GB: it may"
                f" have {self._limit / 1e9:.2f} GB (`server.node_weights_bytes`).",
                needed_bytes=str(size_bytes),
                available_bytes=str(self._limit),
            )

    def _kept(self) -> Iterator[Kept]:
        for path in self._folder.iterdir():
            if (name := _NAME.fullmatch(path.name)) is None:
                continue
            try:
                found = path.lstat()
                used = path.with_name(path.name + _SEAL)
                last = (used if used.exists() else path).stat().st_mtime
            except FileNotFoundError:  # another worker removed it
                continue
            # What is on its way will be as large as its name says.
            yield Kept(path.name, int(name[1] or found.st_size), last, in_use(path))


def check_sha256(text: str) -> None:
    """Raises EngineError for what is no digest, lest it leads out of the folder."""
    if not _SHA256.fullmatch(text):
        raise EngineError(ErrorReason.MODEL_LOAD_FAILED, "A file's digest is none.")


def _remove(path: Path) -> None:
    """Removes a file unless somebody has begun to use it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        path.with_name(path.name + _SEAL).unlink(missing_ok=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _seal(path: Path, found: os.stat_result) -> None:
    path.with_name(path.name + _SEAL).write_text(_state(found))


def _state(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns}"
