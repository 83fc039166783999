"""The cores of the machine that this process may compute on."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import psutil

_TOPOLOGY = Path("/sys/devices/system/cpu")
_FEW = 3


@cache
def count() -> int:
    """How many there are; two hardware threads of one are one."""
    return len(one_of_each()) or psutil.cpu_count(logical=False) or os.cpu_count() or 1


def most_threads(cores: int) -> int:
    """How many threads may compute for one model and leave the service room: all cores, but one
    where there are enough."""
    return cores - 1 if cores > _FEW else cores


def places(threads: int, cores: tuple[int, ...], hardware_threads: tuple[int, ...]) -> list[int]:
    """A core for each thread; if the cores are fewer, a hardware thread.

    None, if threads are so few that the system has a choice: it knows which cores are free, and the
    threads of two models would meet on those that we chose.
    """
    if threads == 1 or threads < most_threads(len(cores)):
        return []
    chosen = cores if threads <= len(cores) else hardware_threads
    # The first, where most interrupts go, is left to others if one is.
    return list(chosen[-threads:]) if threads <= len(chosen) else []


@cache
def allowed() -> tuple[int, ...]:
    """The system's numbers of the hardware threads that this process may use, ascending; none
    where the system binds no process."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    # The process's own: the thread that asks may be bound to one of them.
    return tuple(sorted(os.sched_getaffinity(os.getpid())))


@cache
def one_of_each() -> tuple[int, ...]:
    """The first hardware thread of each core that may be used."""
    first: dict[str, int] = {}
    for number in allowed():
        first.setdefault(_siblings(number), number)
    return tuple(first.values())


def _siblings(number: int) -> str:
    """The same for all hardware threads of a core."""
    try:
        return (_TOPOLOGY / f"cpu{number}" / "topology" / "thread_siblings_list").read_text()
    except OSError:  # not told: each is taken for a core
        return str(number)
