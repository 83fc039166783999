"""What else the machine did while something was measured."""

from __future__ import annotations

import hashlib
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import psutil

_BLOCK = bytes(16 * 1024**2)
_REPEATS = 4
_LISTEN_SECONDS = 0.25
_QUIET_CORES = 0.15


@dataclass(frozen=True, slots=True)
class Load:
    """Processor time spent so far, in seconds, and when."""

    time: float
    machine: float
    own: float

    @classmethod
    def now(cls) -> Load:
        """Of the whole machine, and of this process and all that it started."""
        whole = psutil.cpu_times()
        idle = whole.idle + getattr(whole, "iowait", 0.0)
        return cls(perf_counter(), sum(whole) - idle - getattr(whole, "guest", 0.0), _own())

    def others_since(self, earlier: Load) -> float:
        """How many cores other processes and other machines on this hardware took, on average."""
        passed = self.time - earlier.time
        others = (self.machine - earlier.machine) - (self.own - earlier.own)
        return max(others / passed, 0.0) if passed > 0 else 0.0


def wait_for_quiet(patience: float) -> None:
    """Waits until others take next to nothing, but not longer than so many seconds.

    llama.cpp's threads wait for one another by spinning: a core that is taken from one of them
    costs far more than its share, and not the same in every row.
    """
    end = perf_counter() + patience
    while perf_counter() < end:
        before = Load.now()
        sleep(_LISTEN_SECONDS)
        if Load.now().others_since(before) < _QUIET_CORES:
            return


def calibrate() -> float:
    """How fast all cores do one fixed piece of work now, in MB/s: SHA-256 of zeros."""
    cores = len(psutil.Process().cpu_affinity() or [0])
    start = perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(_work, range(cores)))
    return cores * _REPEATS * len(_BLOCK) / 1e6 / (perf_counter() - start)


def machine() -> dict[str, object]:
    """What the figures are of."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": psutil.cpu_count(logical=False),
        "usable_cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _work(_: int) -> None:
    for _ in range(_REPEATS):
        hashlib.sha256(_BLOCK).digest()


def _own() -> float:
    """The processor seconds of this process and its descendants, those that ended included."""
    me = psutil.Process()
    total = 0.0
    for process in [me, *me.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and those of ended children
        except psutil.NoSuchProcess:
            continue
    return total
