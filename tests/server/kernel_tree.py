"""Trees of `/proc` and `/sys` for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from funland_server.kernel_files import KernelFiles


def tree(root: Path, files: Mapping[str, str | bytes]) -> KernelFiles:
    """Writes files below a root. A value that begins with `-> ` is a link."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            file.symlink_to(content.removeprefix("-> "))
        elif isinstance(content, str):
            file.write_text(content)
        else:
            file.write_bytes(content)
    return KernelFiles(root)
