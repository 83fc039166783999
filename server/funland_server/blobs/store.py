"""Files kept under the SHA-256 of their content, each once, whoever uses it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import structlog

from funland_server.blobs.digests import is_sha256
from funland_server.blobs.placing import (
    copy,
    hard_link,
    is_ours_alone,
    reflink,
    sha256_of,
)
from funland_server.durable import sync

logger = structlog.get_logger(__name__)

_PREFIX: Final = "sha256-"
_SEAL: Final = ".seal"
_READ_ONLY: Final = 0o444


class Blobs:
    """The store: `sha256-<digest>` in one folder, read-only, and a seal beside each.

    Users hold hard links to blobs, so that the link count is the count of references, which no
    crash can make wrong. Where the disk has no links they hold copies, and the store keeps nothing
    that nobody waits for. The seal tells size and time of the file when its hash was last known to
    be right: a blob that differs from it is hashed again before it is given out.

    All methods block, and raise OSError; call them in a thread. A digest that is none raises
    ValueError.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is first needed."""
        self._folder = folder
        self._lock = threading.Lock()
        self._named: Callable[[], Collection[str]] = tuple

    def keep_for(self, named: Callable[[], Collection[str]]) -> None:
        """Keeps the blobs that are named whenever one could be removed, though nobody may hold them
        yet."""
        self._named = named

    def find(self, sha256: str) -> Path | None:
        """Where a blob lies; None if it is not there, or is not what its name says any more."""
        with self._lock:
            return self._find(sha256)

    def adopt(self, path: Path, sha256: str, target: Path | None = None) -> Path:
        """Moves a file, whose hash the caller has checked, into the store, and says where it lies.
        It is on the disk on return. It must be on the store's file system. A user of it may get it
        at once, at a `target` where nothing is: before anybody can release it."""
        blob = self._path(sha256)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._find(sha256) is not None:
                path.unlink()
            else:
                path.chmod(_READ_ONLY)
                sync(path)
                path.replace(blob)
                self._write_seal(sha256)
                sync(self._folder)
            if target is not None:
                self._link(sha256, target)
        return blob

    def take(self, source: Path, target: Path | None = None, *, follow_links: bool = True) -> str:
        """Puts a file of the user's into the store and gives its SHA-256; the file stays. A user of
        it may get it at once, at a `target` where nothing is: before anybody can release it.

        Blocks are shared where the disk can, else it is linked if nobody but this user can write
        it, else copied. What is linked can still be changed by its other name: the seal tells.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".new-{secrets.token_hex(8)}"
        if follow_links:
            source = source.resolve(strict=True)
        if not stat.S_ISREG(source.lstat().st_mode):  # opening a FIFO would wait for ever
            raise OSError(errno.EINVAL, "it is not a regular file")
        linked = False
        try:
            if reflink(source, partial) or (
                linked := is_ours_alone(source) and hard_link(source, partial)
            ):
                sync(partial)
                sha256 = sha256_of(partial)
            else:
                sha256 = copy(source, partial)
            with self._lock:
                if self._find(sha256) is None:
                    if not linked:  # the mode would be the user's file's too
                        partial.chmod(_READ_ONLY)
                    partial.replace(self._path(sha256))
                    self._write_seal(sha256)
                    sync(self._folder)
                if target is not None:
                    self._link(sha256, target)
        finally:
            partial.unlink(missing_ok=True)
        return sha256

    def link(self, sha256: str, target: Path) -> None:
        """Gives a user a blob at a path where nothing is; raises FileNotFoundError if there is no
        such blob."""
        with self._lock:
            self._link(sha256, target)

    def release(self, sha256: str) -> None:
        """Removes a blob that only the store holds and nobody names; call it after a user's link is
        gone."""
        with self._lock:
            self._drop_unused(sha256)

    def sweep(self) -> None:
        """Removes the blobs that nobody holds or names, and what a crash left."""
        if not self._folder.is_dir():
            return
        with self._lock:
            for path in self._folder.iterdir():
                sha256 = path.name.removeprefix(_PREFIX).removesuffix(_SEAL)
                if path.name.startswith(".new-"):
                    path.unlink()
                elif path.name.startswith(_PREFIX) and is_sha256(sha256):
                    self._drop_unused(sha256)

    def _find(self, sha256: str) -> Path | None:
        path = self._path(sha256)
        try:
            found = path.lstat()
        except FileNotFoundError:
            return None
        if stat.S_ISREG(found.st_mode) and self._seal(sha256) == _state(found):
            return path
        if stat.S_ISREG(found.st_mode) and sha256_of(path) == sha256:
            self._write_seal(sha256)
            return path
        logger.warning("blob_damaged", sha256=sha256)
        self._unlink(sha256)
        return None

    def _link(self, sha256: str, target: Path) -> None:
        path = self._path(sha256)
        if not hard_link(path, target) and not reflink(path, target):
            copy(path, target)

    def _drop_unused(self, sha256: str) -> None:
        try:
            links = self._path(sha256).lstat().st_nlink
        except FileNotFoundError:
            links = 0
        if links <= 1 and sha256 not in self._named():
            self._unlink(sha256)

    def _unlink(self, sha256: str) -> None:
        path = self._path(sha256)
        path.unlink(missing_ok=True)
        path.with_name(path.name + _SEAL).unlink(missing_ok=True)

    def _seal(self, sha256: str) -> str:
        path = self._path(sha256)
        try:
            return path.with_name(path.name + _SEAL).read_text()
        except (OSError, ValueError):
            return ""

    def _write_seal(self, sha256: str) -> None:
        path = self._path(sha256)
        path.with_name(path.name + _SEAL).write_text(_state(path.lstat()))

    def _path(self, sha256: str) -> Path:
        if not is_sha256(sha256):
            raise ValueError(f"{sha256[:80]!r} is no SHA-256")
        return self._folder / f"{_PREFIX}{sha256}"


def _state(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns}"
