"""The machine's memory, or the part of it that this process may use.

A control group's limit counts where it is lower than what the machine has:
https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """Memory in bytes."""

    total: int
    available: int
    """What new programs can take without swapping."""


def machine_memory(groups: Path = _GROUPS, own_group: Path = _OWN_GROUP) -> MachineMemory:
    """How it is now. The arguments are where the kernel tells of control groups."""
    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    for group in _ancestry(groups, own_group):
        limit = _number(group / "memory.max")
        if limit is None or limit >= memory.total:
            continue
        # Pages of files that nobody has used lately are given back before anything is refused.
        used = (_number(group / "memory.current") or 0) - _inactive_file_bytes(group)
        total = min(total, limit)
        available = min(available, max(0, limit - used))
    return MachineMemory(total, available)


def _ancestry(groups: Path, own_group: Path) -> Iterator[Path]:
    """The folders of this process's control group and of those around it."""
    lines = _text(own_group).splitlines()
    name = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if name is None or ".." in name:
        return
    group = groups / name
    while True:
        yield group
        if group == groups:
            return
        group = group.parent


def _inactive_file_bytes(group: Path) -> int:
    for line in _text(group / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # another system, or an older kernel
        return ""
