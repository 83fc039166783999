"""Writes files so that they are whole, and on the disk, before anybody counts on them."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError


@contextmanager
def written_whole(path: Path) -> Generator[Path]:
    """Gives the path of a new file beside `path`, which takes its place when the block ends, and is
    removed if it fails.

    Raises:
        EngineError: STORAGE_FULL.
    """
    partial = path.with_name(path.name + ".new")
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EngineError(
                ErrorReason.STORAGE_FULL,
                f"The disk has no room for {path.name}: free some, and resume the run.",
            ) from error
        raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
