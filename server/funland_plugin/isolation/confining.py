"""Takes from a process all that a plugin may not do. There is no way back."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from funland_plugin.isolation import files, kernel
from funland_plugin.isolation.filters import program
from funland_plugin.isolation.system_calls import PROCESSORS

_NEW_NETWORK: Final = 0x40000000
_NEW_IPC: Final = 0x08000000
_NEW_USER: Final = 0x10000000
_OPEN_FILES: Final = 256
_NICE: Final = 5


class UnavailableError(Exception):
    """This system lacks a means; the message says which."""


def own_network() -> bool:
    """Leaves the network for one in which there is nothing, if the system lets this user; what this
    process starts is there too. The plugin's filter of system calls does not depend on it."""
    try:
        kernel.unshare(_NEW_NETWORK | _NEW_IPC)
    except OSError:
        return _own_network_of_own_user()
    return True


def limit(*, memory_bytes: int, disk_bytes: int) -> None:
    """Sets what the process may take beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    data = pages * os.sysconf("SC_PAGE_SIZE") + memory_bytes
    for kind, most in (
        (resource.RLIMIT_DATA, data),
        (resource.RLIMIT_FSIZE, disk_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
    os.nice(_NICE)  # those who wait for an answer of a model go first
    with suppress(OSError):  # the kernel, when it has none left, takes this one first
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def confine(*, to_read: Iterable[str], to_write: Iterable[str]) -> None:
    """Leaves it these files, no network, no other process and no privileges.

    Raises:
        UnavailableError: The system lacks a means.
    """
    processor = PROCESSORS.get(os.uname().machine)
    if processor is None:
        raise UnavailableError(f"system calls of {os.uname().machine} are not known")
    version = kernel.landlock_version()
    if not version:
        raise UnavailableError("the kernel has no Landlock")
    try:
        kernel.hide_memory()
        kernel.give_up_privileges()
        files.restrict(version, to_read, to_write)
    except OSError as error:
        raise UnavailableError(f"Landlock can't be used: {error.strerror}") from None
    try:
        kernel.filter_system_calls(processor.seccomp, program(processor, os.getpid()))
    except OSError as error:
        raise UnavailableError(f"seccomp can't be used: {error.strerror}") from None


def _own_network_of_own_user() -> bool:
    """A process tries first: whoever fails amid it is nobody, and can write no files."""
    pid = os.fork()
    if pid == 0:
        try:
            _leave_user()
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status == 0:
        _leave_user()
    return status == 0


def _leave_user() -> None:
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
