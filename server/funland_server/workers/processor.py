"""The processor, or the part of it that this process may use, and how much of that is in use.

It may use the threads that it is bound to, and no more time than the narrowest quota of its control
groups: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from funland_server.workers.control_groups import (
    GROUPS,
    OWN_GROUP,
    entry,
    number,
    own_groups,
    text,
)

_TOPOLOGY = Path("/sys/devices/system/cpu")
_IDLE = ("idle", "iowait")
_COUNTED_TWICE = ("guest", "guest_nice")  # `user` and `nice` have them


@dataclass(frozen=True, slots=True)
class Processor:
    """What this process may use."""

    threads: tuple[int, ...]
    """The numbers of the hardware threads."""
    cores: int
    """How many cores those are of."""
    usable_cores: float
    """How many seconds of processor time a second it may take."""
    group: Path | None
    """The control group whose quota that is; None: there is no quota below the threads."""


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Processor time since some start, in seconds."""

    at: float
    """When it was read, on the monotonic clock."""
    used: float
    """By whoever runs on the threads, or is in the control group whose quota counts."""
    usable_cores: float


def processor(
    groups: Path = GROUPS, own_group: Path = OWN_GROUP, topology: Path = _TOPOLOGY
) -> Processor:
    """How it is now. The arguments are where the kernel tells of control groups and cores."""
    threads = _own_threads()
    cores = {text(topology / f"cpu{n}/topology/thread_siblings_list").strip() or n for n in threads}
    usable, narrowest = float(len(threads)), None
    for group in own_groups("cpu", groups, own_group):
        quota = _quota(group)
        if quota is not None and quota < usable:
            usable, narrowest = quota, group
    return Processor(threads, len(cores), usable, narrowest)


def cpu_time(part: Processor, clock: Callable[[], float] = time.monotonic) -> CpuTime | None:
    """What was used of it so far; None if the system does not tell."""
    used = _used_on(part.threads) if part.group is None else _used_by(part.group)
    return None if used is None else CpuTime(clock(), used, part.usable_cores)


def utilization_percent(before: CpuTime, after: CpuTime) -> float | None:
    """How much of what may be used was in use between two readings; None if nothing can be said."""
    could = (after.at - before.at) * after.usable_cores
    used = after.used - before.used
    if could <= 0 or used < 0 or before.usable_cores != after.usable_cores:
        return None  # the quota was changed, or the process moved to another group
    return min(100.0, 100 * used / could)


def _own_threads() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _quota(group: Path) -> float | None:
    """How many cores a control group may keep busy; None: as many as there are."""
    quota, _, period = text(group / "cpu.max").strip().partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(period):
        return int(quota) / int(period)
    older, period_of_old = number(group / "cpu.cfs_quota_us"), number(group / "cpu.cfs_period_us")
    return older / period_of_old if older and period_of_old else None  # -1 is no number here


def _used_by(group: Path) -> float | None:
    microseconds = entry(group / "cpu.stat", "usage_usec")
    if microseconds is not None:
        return microseconds / 1e6
    nanoseconds = number(group / "cpuacct.usage")  # of old; it mostly has the same tree
    return None if nanoseconds is None else nanoseconds / 1e9


def _used_on(threads: tuple[int, ...]) -> float | None:
    try:
        times = psutil.cpu_times(percpu=True)
    except (OSError, RuntimeError):
        return None
    if threads and threads[-1] >= len(times):
        return None  # some are switched off, so that places are not numbers
    without = (*_IDLE, *_COUNTED_TWICE)
    return sum(
        seconds
        for thread in threads
        for name, seconds in times[thread]._asdict().items()
        if name not in without
    )
