"""Tells whether a worker that was lost had run out of memory: it goes on in no other then."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NEAR: Final = 0.1
"""What part of its limit a worker has left that is near it."""
_ADDRESSES: Final = re.compile(r"^Max address space\s+(\d+)", re.MULTILINE)
_PEAK: Final = re.compile(r"^VmPeak:\s*(\d+) kB$", re.MULTILINE)
_RESIDENT: Final = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_KILLS: Final = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process had of the memory at most, when it was looked at last."""

    resident_bytes: int
    left_bytes: int | None = None
    """How much address space it had left; None: it has no limit."""
    kills: int | None = None
    """How many processes the system had killed by then for want of memory; None: not known."""


def look(pid: int) -> Taken | None:
    """What a process took so far; None where the system does not tell, or it has ended."""
    kills = killed_for_memory()  # first: what is there behind that was not among them
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return None
    resident, peak = _RESIDENT.search(status), _PEAK.search(status)
    if resident is None or peak is None:
        return None
    limit = _ADDRESSES.search(limits)
    left = int(limit[1]) - 1024 * int(peak[1]) if limit else None
    return Taken(1024 * int(resident[1]), left, kills)


def killed_for_memory() -> int | None:
    """How many processes the system has killed so far for want of memory; None where it does not
    tell."""
    try:
        found = _KILLS.search(Path("/proc/vmstat").read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def why_too_large(taken: Taken | None, limit_bytes: int, exit_code: int, kills: int | None) -> str:
    """Why a worker that was lost with that exit code needed more memory than there was, in a
    sentence; empty: nothing says that it did.

    `limit_bytes` is what it might take beyond what it began with, `kills` how many processes the
    system has killed by now for want of memory.
    """
    if taken is None:
        return ""
    had = f"which had {taken.resident_bytes} bytes"
    killed = exit_code == -signal.SIGKILL
    if killed and taken.kills is not None and kills is not None and kills > taken.kills:
        return f"The system was short of memory and killed its process, {had}."
    if taken.left_bytes is None or taken.left_bytes >= _NEAR * limit_bytes:
        return ""
    return f"Its process, {had}, was lost near the limit of its memory."
