"""Calls of the kernel that Python has no names for."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_SET_DEATH_SIGNAL: Final = 1
_SET_DUMPABLE: Final = 4
_SET_NO_NEW_PRIVILEGES: Final = 38
_FILTER: Final = 1
"""`SECCOMP_SET_MODE_FILTER`; the same number asks Landlock for its version, and a rule of paths."""
_CAPABILITIES_3: Final = 0x20080522

_library: Final = ctypes.CDLL(None, use_errno=True)
_library.syscall.restype = ctypes.c_long


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))


class _BeneathPath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def landlock_version() -> int:
    """The version of Landlock's interface; 0 where there is none."""
    try:
        return _call(_CREATE_RULESET, None, 0, _FILTER)
    except OSError:
        return 0


def landlock_ruleset(*handled: int) -> int:
    """A descriptor of rules for those sets of rights; nothing of them is allowed yet."""
    rights = (ctypes.c_uint64 * len(handled))(*handled)
    return _call(_CREATE_RULESET, ctypes.byref(rights), ctypes.sizeof(rights), 0)


def landlock_allow(ruleset: int, descriptor: int, rights: int) -> None:
    """Allows something beneath what is open."""
    rule = _BeneathPath(rights, descriptor)
    _call(_ADD_RULE, ruleset, _FILTER, ctypes.byref(rule), 0)


def landlock_restrict(ruleset: int) -> None:
    """Holds this thread, and all that it starts, to the rules for ever."""
    _call(_RESTRICT_SELF, ruleset, 0)


def filter_system_calls(number: int, program: bytes) -> None:
    """Has the kernel run a program before each system call; `number` is that of `seccomp`."""
    lines = ctypes.create_string_buffer(program, len(program))
    told = _Program(len(program) // 8, ctypes.cast(lines, ctypes.c_void_p))
    _call(number, _FILTER, 0, ctypes.byref(told))


def give_up_privileges() -> None:
    """Root becomes a user as any other, and nobody becomes more."""
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    if _library.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())):
        raise _error()


def die_with_parent(signal: int) -> None:
    """Has this process get a signal when the one that made it ends."""
    _prctl(_SET_DEATH_SIGNAL, signal)


def hide_memory() -> None:
    """Lets no process of the same user look into this one's memory, and writes no core."""
    _prctl(_SET_DUMPABLE, 0)


def unshare(flags: int) -> None:
    """Leaves namespaces for new ones."""
    if _library.unshare(flags):
        raise _error()


def close_all_but(descriptors: Sequence[int]) -> None:
    """Closes all descriptors but these."""
    least = 0
    for kept in sorted(descriptors):
        if least < kept:  # an empty range would be all of them
            os.closerange(least, kept)
        least = kept + 1
    os.closerange(least, 1 << 20)


def _prctl(option: int, value: int) -> None:
    if _library.prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3):
        raise _error()


def _call(number: int, *arguments: object) -> int:
    given = [
        ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments
    ]
    result = int(_library.syscall(ctypes.c_long(number), *given))
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
