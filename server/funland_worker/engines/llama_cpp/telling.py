"""Asks llama.cpp what it has no C function for, by a library of ours that is compiled with its
backends (`tools/llama_cpp/backends/telling.cpp`)."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from funland_worker.engines.llama_cpp.backends import folder

_Pointer = ctypes.c_void_p


def device_bytes(context: Any, device: int) -> int | None:
    """How much of a device's own memory a context and its model take; None if it can't be told."""
    if (library := _library()) is None:
        return None
    return int(library.funland_device_bytes(context, device))


def flash_attention(context: Any) -> bool | None:
    """Whether a context computes attention in one pass; None if it can't be told."""
    if (library := _library()) is None:
        return None
    return bool(library.funland_flash_attention(context))


@cache
def _library() -> Any:
    """None where llama.cpp was not compiled by Funland's installation."""
    try:
        library = ctypes.CDLL(str(folder() / "libfunland-telling.so"))
    except OSError:
        return None
    library.funland_device_bytes.argtypes = (_Pointer, _Pointer)
    library.funland_device_bytes.restype = ctypes.c_int64
    library.funland_flash_attention.argtypes = (_Pointer,)
    library.funland_flash_attention.restype = ctypes.c_bool
    return library
