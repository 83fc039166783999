"""The key by which this installation knows the prefixes that it wrote to the disk itself."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

_NAME = "prefix.key"
_BYTES = 32


def prefix_key(home: Path) -> bytes:
    """The key, made when it is first asked for; a file that only this user can read. Blocks.

    One that is not whole is replaced: what was written under it is then of no use, and no harm.
    """
    path = home / _NAME
    with contextlib.suppress(FileNotFoundError):
        key = path.read_bytes()
        if len(key) == _BYTES:
            return key
    partial = home / f".{_NAME}-{secrets.token_hex(8)}"
    key = secrets.token_bytes(_BYTES)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return path.read_bytes()  # another load may have been a moment later
