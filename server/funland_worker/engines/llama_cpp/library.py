"""llama.cpp's C functions, by way of llama-cpp-python's ctypes declarations.

A wheel of Funland has them beside libraries for all processors of a kind, in a package of its own;
a checkout has llama-cpp-python, compiled for the very processor (ADR 0121).
"""

from __future__ import annotations

import ctypes
import logging
import os
from collections import deque
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from funland_worker.engines.llama_cpp.structures import mismatches

logger = logging.getLogger(__name__)

# OpenMP reads it when it is loaded. Its threads wait for each other hundreds of times a token: so
# many rounds, a good half of a millisecond, are longer than most interruptions of one that has a
# core of its own (`binding.py`, ADR 0037). What the user has set goes before.
os.environ.setdefault("GOMP_SPINCOUNT", "50000")

_WHEELS: Final = "funland_llama_cpp"
_PACKAGE: Final = _WHEELS if find_spec(_WHEELS) else "llama_cpp"

# The declarations are ctypes values that no type checker can follow.
lib: Any = import_module(f"{_PACKAGE}.llama_cpp")

FOLDER: Final = Path(lib.__file__).parent / "lib"
"""Where llama.cpp's libraries are."""

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


log_callback = lib.llama_log_callback(_log)
"""Sends llama.cpp's log to ours. Kept for the life of the process: C calls it."""


def release() -> str:
    """The release of llama-cpp-python that bindings and libraries are of."""
    if _PACKAGE == _WHEELS:
        return import_module(_WHEELS).__version__
    return metadata.version("llama-cpp-python")


def start() -> None:
    """Prepares llama.cpp and sends its log to ours. Once in a process.

    Raises:
        RuntimeError: The libraries are not those that the bindings were written for, or none of
            them is for this processor.
    """
    if wrong := mismatches(lib):
        raise RuntimeError(
            f"llama.cpp's libraries do not fit llama-cpp-python {release()}: {', '.join(wrong)}."
            " Install Funland anew."
        )
    # When it aborts, it would have a debugger print where, and its callers wait for that.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    lib.llama_log_set(log_callback, None)
    lib.llama_backend_init()
    if next(FOLDER.glob("libggml-cpu-*"), None) is not None:
        _take_processors_library()


def _take_processors_library() -> None:
    """Has llama.cpp take what is best on this processor of what the wheel has for all."""
    load = function("ggml_backend_load_all_from_path", None, ctypes.c_char_p)
    load(os.fsencode(FOLDER))
    if not function("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)(b"CPU"):
        raise RuntimeError("This processor is older than all that llama.cpp was compiled for.")


def processors_function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of what computes on the processor, wherever that is.

    Raises:
        AttributeError: This build of llama.cpp has none of that name.
    """
    try:
        return function(name, result, *arguments)
    except AttributeError:
        by_name = function("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)
        look_up = function(
            "ggml_backend_reg_get_proc_address", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p
        )
        address = look_up(registry, name.encode()) if (registry := by_name(b"CPU")) else None
        if not address:
            raise
        return ctypes.CFUNCTYPE(result, *arguments)(address)


def multimodal() -> Any:
    """The functions of llama.cpp's library for pictures and sounds.

    Raises:
        ImportError, RuntimeError, FileNotFoundError: This build has none.
    """
    return import_module(f"{_PACKAGE}.mtmd_cpp")


def function(name: str, result: Any, *arguments: Any) -> Any:
    """A function that llama-cpp-python declares not.

    Raises:
        AttributeError: This build of llama.cpp has none of that name.
    """
    return lib.ctypes_function(name, arguments, result)(lambda: None)
