"""Bounds the memory of the worker's process, so that it dies of its greed alone."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

HEADROOM_BYTES = 256 * 1024**2
THREAD_BYTES = 16 * 1024**2
"""Address space is more than memory. Measured with two cores: libraries and gRPC's buffers took
80 MB beyond what the model needed, and each of 13 threads the 8 MB of its stack."""


def limit_memory(limit_bytes: int) -> None:
    """Lets the process take so much beyond what it has now, as address space with some headroom; 0
    sets no limit. Where the system can't limit it, nothing happens.

    An allocation that fails then is a Python `MemoryError`, or a null pointer at which native code
    gives up: both end the worker.
    """
    if limit_bytes == 0 or sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - not there on every system

    present = _present_bytes()
    # Two threads a core compute and serve.
    headroom = HEADROOM_BYTES + 2 * (os.cpu_count() or 1) * THREAD_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = present + limit_bytes + headroom
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # The hard limit stays, for the process of the chat template sets one of its own.
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def room_bytes() -> float:
    """How much more address space the process may take; infinite without a limit."""
    if sys.platform != "linux":
        return math.inf
    import resource  # noqa: PLC0415 - not there on every system

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if limit == resource.RLIM_INFINITY else limit - _present_bytes()


def _present_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
