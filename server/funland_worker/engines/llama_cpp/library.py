"""llama.cpp's C functions, by way of llama-cpp-python's ctypes declarations."""

from __future__ import annotations

import ctypes
import logging
import os
from collections import deque
from importlib import import_module
from typing import Any

logger = logging.getLogger(__name__)

# OpenMP reads it when it is loaded. Its threads wait for each other hundreds of times a token: so
# many rounds, a good half of a millisecond, are longer than most interruptions of one that has a
# core of its own (`binding.py`, ADR 0037). What the user has set goes before.
os.environ.setdefault("GOMP_SPINCOUNT", "50000")

# The declarations are ctypes values that no type checker can follow.
lib: Any = import_module("llama_cpp.llama_cpp")

# llama.cpp warns of what is as we want it, such as a cache of more cells than one sequence may use.
_ERROR = 4
_LEVELS = {2: logging.DEBUG, 3: logging.DEBUG, _ERROR: logging.ERROR}

# What it says of a pass that was broken off because we wanted it so (`interruption.py`).
_BROKEN_OFF = (
    "compute_async failed with error 1",
    "failed to compute graph, compute status: 1",
    "failed to decode, ret = 2",
)

errors: deque[str] = deque(maxlen=16)
"""The latest errors that llama.cpp told of: the reasons of failures whose functions give none."""


def _log(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    if level in _LEVELS:
        line = text.decode(errors="replace").rstrip()
        if line.endswith(_BROKEN_OFF):
            return
        logger.log(_LEVELS[level], "%s", line)
        if level == _ERROR:
            errors.append(line)


# Kept for the life of the process: C calls it.
_log_callback = lib.llama_log_callback(_log)


def start() -> None:
    """Prepares llama.cpp and sends its log to ours. Once in a process."""
    # When it aborts, it would have a debugger print where, and its callers wait for that.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    lib.llama_log_set(_log_callback, None)
    lib.llama_backend_init()


def function(name: str, result: Any, *arguments: Any) -> Any:
    """A function that llama-cpp-python declares not.

    Raises:
        AttributeError: This build of llama.cpp has none of that name.
    """
    return lib.ctypes_function(name, arguments, result)(lambda: None)
