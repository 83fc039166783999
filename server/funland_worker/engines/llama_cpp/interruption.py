"""Ends a pass of llama.cpp before its time, from another thread."""

from __future__ import annotations

import ctypes
from typing import Any

from funland_worker.engines.llama_cpp.library import lib

INTERRUPTED = 2
"""What `llama_decode` gives for such a pass."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)


class Interruption:
    """A flag that llama.cpp's CPU backend looks at between two operations of a pass.

    It calls a C function with the flag's address, hundreds of times a token, so that must not be
    one of Python's, which would wait for the GIL each time. C's own `strlen` will do: it is 0 for a
    flag that is down, an empty string, and 1 for one that is up.
    """

    def __init__(self) -> None:
        self._raised = False
        self._flag = ctypes.create_string_buffer(2)
        self._look = ctypes.cast(ctypes.CDLL(None).strlen, _Callback)

    def watch(self, context: Any) -> None:
        """Has the passes of a context look at it; for contexts that end before it does."""
        lib.llama_set_abort_callback(
            context,
            ctypes.cast(self._look, lib.ggml_abort_callback),
            ctypes.cast(self._flag, ctypes.c_void_p),
        )

    def raise_flag(self) -> None:
        """Ends the pass that runs now, at its next operation. Any thread may."""
        self._flag[0] = b"\x01"
        self._raised = True  # behind it, or it might stay up for ever

    def lower_flag(self) -> None:
        """Lets passes run to their end again."""
        if self._raised:
            self._raised = False
            self._flag[0] = b"\x00"
