"""What tells a home from others that share its database."""

from __future__ import annotations

import uuid
from pathlib import Path

from funland_server.durable import write_whole


def home_id(home: Path) -> str:
    """The home's id, made when it is first asked for. Blocks; raises OSError."""
    path = home / "downloads" / "home_id"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, uuid.uuid4().hex.encode())
    return path.read_text(encoding="ascii")
