"""A model that is installed on this machine."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from funland_server.models.gguf import GgufHeader

MAX_ID = 96
_CHUNK = 1024**2


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What shows cheaply that a file is probably unchanged."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """The file's, as it is now; raises OSError."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A set of weights in the store, or the one that comes with Funland."""

    model_id: str
    aliases: tuple[str, ...]
    source: str
    path: Path
    sha256: str
    fingerprint: Fingerprint
    header: GgufHeader
    create_time: datetime | None
    """None for the built-in model."""

    @property
    def built_in(self) -> bool:
        """Whether the model comes with Funland."""
        return self.create_time is None

    @property
    def names(self) -> frozenset[str]:
        """What requests may call it."""
        return frozenset((self.model_id, *self.aliases))


def slug(file_name: str) -> str:
    """A model id made of a file's name: `Qwen2.5 0.5B Q8.gguf` gives `qwen2.5-0.5b-q8`."""
    stem = re.sub(r"\.gguf$", "", file_name.lower())
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")
    return cleaned[:MAX_ID].rstrip("-._") or "model"


def sha256(path: Path) -> str:
    """The file's SHA-256 as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
