"""Binds llama.cpp's threads to cores of their own (ADR 0037).

They wait for each other hundreds of times a token. Whoever else takes a core for a moment drives
one of them off, and the system puts it beside another on the same core, where they take turns for a
millisecond or more while the core that has become free idles.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

from funland_worker import cores
from funland_worker.engines.llama_cpp.library import function, processors_function

_MOST_CPUS = 512
"""`GGML_MAX_N_THREADS` in ggml.h."""
_USERS = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY")

_Pointer = ctypes.c_void_p


class _PoolParameters(ctypes.Structure):
    """`ggml_threadpool_params` in ggml.h."""

    _fields_ = (
        ("cpumask", ctypes.c_bool * _MOST_CPUS),
        ("n_threads", ctypes.c_int),
        ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict_cpu", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    )


def bind(context: Any, threads: int) -> None:
    """Lets the threads of a context compute where no two of them meet, if they need most cores.

    Variables of OpenMP's that the user has set go before.
    """
    if any(map(os.environ.get, _USERS)):
        return
    places = cores.places(threads, cores.one_of_each(), cores.allowed())
    if places and places[-1] < _MOST_CPUS and (pool := _pool(tuple(places))):
        function("llama_attach_threadpool", None, _Pointer, _Pointer, _Pointer)(context, pool, pool)


@cache
def _pool(places: tuple[int, ...]) -> int | None:
    """A pool of threads for these places, for the life of the process; None if this build of
    llama.cpp makes none."""
    parameters = _PoolParameters()
    try:
        prepare = function("ggml_threadpool_params_init", None, _Pointer, ctypes.c_int)
        new = processors_function("ggml_threadpool_new", _Pointer, _Pointer)
    except AttributeError:
        return None
    prepare(ctypes.byref(parameters), len(places))
    for place in places:
        parameters.cpumask[place] = True
    parameters.strict_cpu = True
    pool: int | None = new(ctypes.byref(parameters))
    return pool
