"""Notes what a file turned out to be, when it leaves its download for the content store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from funland_server.blobs.digests import is_sha256
from funland_server.durable import write_whole


@dataclass(frozen=True, slots=True)
class DoneNote:
    """The SHA-256 of a file that is in the store, in `<name>.done`. Its methods block."""

    path: Path
    """Where the file's bytes were gathered."""

    def read(self) -> str:
        """The digest; empty if there is none."""
        try:
            text = self._note.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return ""
        return text if is_sha256(text) else ""

    def write(self, sha256: str) -> None:
        """Keeps it; raises OSError."""
        write_whole(self._note, sha256.encode())

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".done")
