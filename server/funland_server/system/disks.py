"""The disks that Funland keeps something on, and what is free there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """One, in bytes."""

    purposes: tuple[str, ...]
    total: int
    used: int
    free: int
    """What this process may still write."""


def places(home: Path, database: Path | None) -> dict[str, Path]:
    """Where things are by what they are; `database` is SQLite's file."""
    kept = {"home": home, "models": home / "models", "blobs": home / "blobs"}
    kept["downloads"] = home / "downloads"
    return kept | ({"database": database.parent} if database is not None else {})


def disks(kept: Mapping[str, Path]) -> list[Disk]:
    """Each disk once, in the order of what is kept there. Blocks; raises OSError."""
    found: dict[int, tuple[Path, list[str]]] = {}
    for purpose, path in kept.items():
        there = _existing(path)
        found.setdefault(there.stat().st_dev, (there, []))[1].append(purpose)
    made: list[Disk] = []
    for path, purposes in found.values():
        usage = shutil.disk_usage(path)
        made.append(Disk(tuple(purposes), usage.total, usage.used, usage.free))
    return made


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
