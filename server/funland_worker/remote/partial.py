"""A file of weights that is being received."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from pathlib import Path
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.remote.locks import Lock

_READ_ONLY: Final = 0o444
_CHUNK: Final = 4 * 1024**2


class Partial:
    """A file that is being received, behind its lock. All methods block."""

    def __init__(self, path: Path, size_bytes: int, lock: Lock) -> None:
        self._path = path
        self._size = size_bytes
        self._lock = lock
        self._turn = threading.Lock()
        """A write may still go on in a thread when nobody waits for it any more."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._digest: Any = hashlib.sha256()
        self.present_bytes = 0

    def read(self) -> None:
        """Takes up what is there of an earlier try."""
        if os.fstat(self._descriptor).st_size > self._size:
            self.empty()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while data := os.read(self._descriptor, _CHUNK):
            self._digest.update(data)
            self.present_bytes += len(data)

    def write(self, data: bytes) -> None:
        """Adds what comes next; raises OSError, or EngineError if it is more than the file has."""
        if self.present_bytes + len(data) > self._size:
            raise EngineError(ErrorReason.MODEL_LOAD_FAILED, "More came than the file has.")
        left = memoryview(data)
        with self._turn:
            while left:
                left = left[os.write(self._descriptor, left) :]
            self._digest.update(data)
            self.present_bytes += len(data)

    def is_what_it_should_be(self, sha256: str) -> bool:
        """Whether all came, and is what its digest says."""
        return self.present_bytes == self._size and self._digest.hexdigest() == sha256

    def empty(self) -> None:
        """Throws away what is there."""
        os.ftruncate(self._descriptor, 0)

    def finish(self, target: Path) -> int:
        """Gives the file its name, and the descriptor by which it stays in use."""
        os.fsync(self._descriptor)
        os.fchmod(self._descriptor, _READ_ONLY)
        self._path.replace(target)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return self._descriptor

    def close(self) -> None:
        """Lets others go on with it."""
        with self._turn:
            os.close(self._descriptor)
            self._descriptor = -1
        self.release()

    def release(self) -> None:
        """Lets others see that it is there."""
        self._lock.release()
