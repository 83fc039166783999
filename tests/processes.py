"""The processes that the service starts, as the system lists them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

import psutil

WORKER = "funland_worker.main"


def children(module: str = WORKER, pid: int | None = None) -> list[psutil.Process]:
    """The children of a process, of this one by default, that run a module and have not ended."""
    return [child for child in psutil.Process(pid).children() if _runs(child, module)]


@contextmanager
def still(pid: int | None = None) -> Generator[None]:
    """The workers of a process, of this one by default, stand still: what they write does not end
    within the block, however fast they are."""
    workers = children(pid=pid)
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.resume()


def _runs(process: psutil.Process, module: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and module in process.cmdline()
    except psutil.NoSuchProcess:  # ended while it was looked at; ZombieProcess is one too
        return False
