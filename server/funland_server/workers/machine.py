"""The machine's memory, or the part of it that this process may use.

A control group's limit counts where it is lower than what the machine has:
https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from funland_server.workers.control_groups import GROUPS, OWN_GROUP, entry, number, own_groups

_NAMES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""A group's limit, its use, and in `memory.stat` the pages that nobody misses: now and of old."""


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """Memory in bytes."""

    total: int
    available: int
    """What new programs can take without swapping."""


def machine_memory(groups: Path = GROUPS, own_group: Path = OWN_GROUP) -> MachineMemory:
    """How it is now. The arguments are where the kernel tells of control groups."""
    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    for group in own_groups("memory", groups, own_group):
        for limit_name, used_name, unused_name in _NAMES:
            limit = number(group / limit_name)
            if limit is None or limit >= memory.total:
                continue
            # Pages of files that nobody has used lately are given back before anything is refused.
            unused = entry(group / "memory.stat", unused_name) or 0
            used = (number(group / used_name) or 0) - unused
            total = min(total, limit)
            available = min(available, max(0, limit - used))
    return MachineMemory(total, available)
