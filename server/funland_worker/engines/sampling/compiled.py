"""The compiled form of `candidates.choose`, for all texts of a step at once (`choose.cpp`)."""

from __future__ import annotations

import ctypes
import logging
import math
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from funland_worker.engines.protocol import Sampling
from funland_worker.engines.sampling.builds import library_file

logger = logging.getLogger(__name__)

UNDECIDED = -1
"""In place of a token: it takes `candidates.choose` to tell."""

VERSION = 1
_ROW = struct.Struct("@Pdddfi")
"""`Row` of chooser.h."""

_WORTH_THREADS = 1 << 20
"""Scores that take one thread about 30 microseconds; fewer are not worth waking others."""

Way = tuple[float, float, float, int]
"""Temperature, top_p, the natural logarithm of min_p, top_k."""


def way(sampling: Sampling) -> Way:
    """The parameters that choices are made by."""
    log_min_p = math.log(sampling.min_p) if sampling.min_p > 0 else -math.inf
    return (sampling.temperature, sampling.top_p, log_min_p, sampling.top_k)


def choose_all(asked: Sequence[tuple[int, float, Way]], size: int, threads: int = 1) -> list[int]:
    """A token for each text, or `UNDECIDED`; that for all where nothing was compiled.

    A text is told by the address of its `size` scores, float32 one behind the other, its chance as
    in `candidates.choose`, and its way. Releases the GIL.
    """
    function = compiled()
    if function is None:
        return [UNDECIDED] * len(asked)
    rows = b"".join([_ROW.pack(address, chance, *way) for address, chance, way in asked])
    tokens = (ctypes.c_int32 * len(asked))()
    function(rows, tokens, len(asked), size, threads if len(asked) * size >= _WORTH_THREADS else 1)
    return list(tokens)


class _Ufunc(ctypes.Structure):
    """The beginning of numpy's `PyUFuncObject`, as its documentation of the C API tells it."""

    _fields_ = (
        ("head", ctypes.c_char * object.__basicsize__),
        ("inputs", ctypes.c_int),
        ("outputs", ctypes.c_int),
        ("arguments", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("types", ctypes.c_int),
    )


@cache
def _loops() -> tuple[int | None, ...] | None:
    """numpy's exponentials of single and of double precision, a function and its data each; None
    if this numpy has them elsewhere."""
    exp = _Ufunc.from_address(id(np.exp))
    told = (np.exp.nin, np.exp.nout, np.exp.nargs, np.exp.ntypes)
    if (exp.inputs, exp.outputs, exp.arguments, exp.types) != told:
        return None
    found: list[int | None] = []
    for types in ("f->f", "d->d"):
        place = np.exp.types.index(types)
        found += [exp.functions[place], exp.data[place] if exp.data else None]
    return tuple(found)


@cache
def compiled() -> Any:
    """The function of choose.cpp; None where it was not compiled, or can't be used."""
    path = library_file()
    loops = _loops()
    try:
        library = ctypes.CDLL(str(path))
        library.funland_choose_start.argtypes = (ctypes.c_void_p,) * 4
        known = loops is not None and library.funland_choose_start(*loops) == VERSION
    except (OSError, AttributeError) as error:
        logger.warning("Tokens are chosen without compiled code, which takes longer: %s", error)
        return None
    if not known:
        logger.warning("Tokens are chosen without compiled code: %s is of another release.", path)
        return None
    number = ctypes.c_int64
    library.funland_choose.argtypes = (
        ctypes.c_char_p,
        ctypes.c_void_p,
        number,
        number,
        ctypes.c_int,
    )
    library.funland_choose.restype = None
    return library.funland_choose
