"""The processor, or the part of it that this process may use, and how much of that is in use.

It may use the threads that it is bound to, by a cpuset too, and no more time than the narrowest
quota of its control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from funland_server.kernel_files import KernelFiles, whole
from funland_server.workers.control_groups import cpu_quota, own_groups, used_seconds

_CORES = "sys/devices/system/cpu"
_IDLE = (3, 4)
"""Where `/proc/stat` has the time of a thread that had nothing to do, or waited for a disk."""
_COUNTED = 8
"""What comes after so many is counted twice: `user` and `nice` have the time of guests."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What this process may use."""

    threads: tuple[int, ...]
    """The numbers of the hardware threads."""
    cores: int
    """How many cores those are of."""
    usable_cores: float
    """How many seconds of processor time a second it may take."""
    limited: bool
    """Whether a control group's quota is less than the threads."""
    account: str | None
    """What counts that group's time; None: nothing does, or it is not limited."""


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Processor time since some start, in seconds."""

    at: float
    """When it was read, on the monotonic clock."""
    used: float
    """By whoever runs on the threads, or is in the control group whose quota counts."""
    usable_cores: float


def own_threads() -> tuple[int, ...]:
    """The numbers of the hardware threads that this process may run on, ascending."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(os.getpid())))
    return tuple(range(os.cpu_count() or 1))


def processor(
    files: KernelFiles | None = None, threads: Callable[[], Sequence[int]] = own_threads
) -> Processor:
    """How it is now. `files` are the machine's, but in tests."""
    files = files or KernelFiles()
    own = tuple(threads())
    cores = {files.text(f"{_CORES}/cpu{n}/topology/thread_siblings_list") or str(n) for n in own}
    quota = cpu_quota(files, own_groups(files))
    if quota is None or quota.cores >= len(own):
        return Processor(own, len(cores), float(len(own)), limited=False, account=None)
    return Processor(own, len(cores), quota.cores, limited=True, account=quota.account)


def cpu_time(
    part: Processor,
    files: KernelFiles | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> CpuTime | None:
    """What was used of it so far; None if the system does not tell."""
    files = files or KernelFiles()
    if not part.limited:
        used = _used_on(files, part.threads)
    else:
        used = None if part.account is None else used_seconds(files, part.account)
    return None if used is None else CpuTime(clock(), used, part.usable_cores)


def utilization_percent(before: CpuTime, after: CpuTime) -> float | None:
    """How much of what may be used was in use between two readings; None if nothing can be said."""
    could = (after.at - before.at) * after.usable_cores
    used = after.used - before.used
    if could <= 0 or used < 0 or before.usable_cores != after.usable_cores:
        return None  # the quota was changed, or the process moved to another group
    return min(100.0, 100 * used / could)


def _used_on(files: KernelFiles, threads: Sequence[int]) -> float | None:
    """What ran on some threads; None if one of them is not told, as one that is switched off."""
    wanted = {f"cpu{number}" for number in threads}
    ticks = 0
    for line in (files.text("proc/stat") or "").splitlines():
        name, *fields = line.split()
        if name in wanted:
            wanted.remove(name)
            numbers = [whole(field) or 0 for field in fields[:_COUNTED]]
            ticks += sum(number for at, number in enumerate(numbers) if at not in _IDLE)
    return None if wanted else ticks / os.sysconf("SC_CLK_TCK")
