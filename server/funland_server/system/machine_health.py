"""How the machine is that the server runs on: room on its disks and in its memory. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland.v1.system_pb2 import PartHealth
from funland_server.domain import Health
from funland_server.system.disks import Disk
from funland_server.workers.machine import MachineMemory

_LEAST_DISK: Final = 16 * 1024**2
"""With less, not even the database can be kept up."""
_SCARCE: Final = 0.05
"""With less of the memory than that, the machine is about to stall."""


def disk_health(disks: Sequence[Disk], reserve: int) -> Health:
    """`reserve` is what downloads leave free, in bytes."""
    state, told = PartHealth.HEALTHY, list[str]()
    for disk in disks:
        if disk.free >= max(reserve, _LEAST_DISK):
            continue
        failed = disk.free < _LEAST_DISK
        state = max(state, PartHealth.FAILED if failed else PartHealth.DEGRADED)
        told.append(
            f"The disk of {', '.join(disk.purposes)} has {disk.free // 1024**2} MiB left,"
            f" and downloads leave {reserve // 1024**2} MiB: free some."
        )
    return Health(state, " ".join(told))


def memory_health(memory: MachineMemory) -> Health:
    """DEGRADED where hardly any is left."""
    if memory.available >= _SCARCE * memory.total:
        return Health()
    return Health(
        PartHealth.DEGRADED,
        f"{memory.available // 1024**2} MiB of the memory are left: unload a model, or end other"
        " programs.",
    )
