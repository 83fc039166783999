"""The machine's memory, or the part of it that this process may use.

A control group's limit counts where it is lower than what the machine has:
https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from funland_server.kernel_files import KernelFiles
from funland_server.workers.control_groups import ControlGroups, counted, own_groups

_KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """Memory in bytes."""

    total: int
    available: int
    """What new programs can take without swapping."""


@dataclass(frozen=True, slots=True)
class _Limit:
    most: int | None
    used: int | None
    stat: str | None
    idle: str
    """The name in `stat` of pages of files that nobody has used lately."""


def machine_memory(files: KernelFiles | None = None) -> MachineMemory:
    """How it is now. `files` are the machine's, but in tests."""
    files = files or KernelFiles()
    meminfo = files.text("proc/meminfo")
    machine = _kibibytes(meminfo, "MemTotal:")
    total, available = machine, min(machine, _kibibytes(meminfo, "MemAvailable:"))
    for limit in _limits(files, own_groups(files)):
        if limit.most is None or limit.most >= machine:
            continue
        # Such pages are given back before anything is refused.
        used = (limit.used or 0) - (counted(limit.stat, limit.idle) or 0)
        total = min(total, limit.most)
        available = min(available, max(0, limit.most - used))
    return MachineMemory(total, available)


def _limits(files: KernelFiles, groups: ControlGroups) -> Iterator[_Limit]:
    for group in groups.unified:
        yield _Limit(
            files.number(f"{group}/memory.max"),
            files.number(f"{group}/memory.current"),
            files.text(f"{group}/memory.stat"),
            "inactive_file",
        )
    for group in groups.controllers.get("memory", ()):
        yield _Limit(
            files.number(f"{group}/memory.limit_in_bytes"),
            files.number(f"{group}/memory.usage_in_bytes"),
            files.text(f"{group}/memory.stat"),
            "total_inactive_file",
        )


def _kibibytes(meminfo: str | None, name: str) -> int:
    for line in (meminfo or "").splitlines():
        if line.startswith(name):
            number = line.removeprefix(name).strip().partition(" ")[0]
            return int(number) * _KIB if number.isdecimal() else 0
    return 0
