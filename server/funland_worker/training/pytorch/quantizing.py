"""Weights of four bits, as bitsandbytes has them.

Where the CPU knows bfloat16, bitsandbytes 0.50.2 fetches a kernel from a hub when it is imported,
if the package `kernels` is installed, and runs what came. It is imported here as if that were not.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any, Final

_FETCHES: Final = "kernels"


def _imported() -> Any:
    hidden: dict[str, Any] = sys.modules
    there = hidden.get(_FETCHES)
    hidden[_FETCHES] = None  # whoever imports it now is told that there is none
    logger = logging.getLogger("bitsandbytes.backends.cpu.ops")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it would advise to install it
    try:
        return import_module("bitsandbytes.functional")
    finally:
        logger.setLevel(level)
        del hidden[_FETCHES]
        if there is not None:
            hidden[_FETCHES] = there


functional: Final[Any] = _imported()
