"""How numpy uses the machine: how many threads its products take, and how it gets memory."""

from __future__ import annotations

import ctypes
import logging
import sys
from typing import Final

import numpy as np

logger = logging.getLogger(__name__)

_NAMES = ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_",
          "openblas_set_num_threads")  # fmt: skip


def set_threads(count: int) -> None:
    """Sets it for this process. Where numpy has another library than OpenBLAS, what that chose
    itself stays: its own variable in the environment says otherwise.

    OpenBLAS reads its variable when numpy is imported, which is before a job says how many there
    are to be.
    """
    # A library's names are looked for in all that it is linked with.
    library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]  # numpy has no public name for the module that is linked with it
    for name in _NAMES:
        if (function := getattr(library, name, None)) is not None:
            function(ctypes.c_int(count))
            return
    logger.warning("numpy does not compute with OpenBLAS, so its threads can't be set")


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_HEAP_PART: Final = 32 * 1024**2
_NEVER: Final = 1024**3


def keep_freed_memory() -> None:
    """Has the C library keep what is let go of, up to a size: a step wants all of it again, and to
    ask the system for it takes a tenth of a small one. (mallopt(3), of glibc alone)"""
    if sys.platform != "linux":
        return
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        change(_TRIM_THRESHOLD, _NEVER)
        change(_MMAP_THRESHOLD, _LARGEST_HEAP_PART)
