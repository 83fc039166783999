"""Which files a plugin may open: Python and its own code to read, its folder to write."""

from __future__ import annotations

import os
import site
import stat
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from funland_plugin.isolation import kernel

_EXECUTE, _WRITE, _READ, _LIST = (1 << bit for bit in range(4))
_REMOVE_FOLDER, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_FOLDER, _MAKE_FILE = 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_OF_FIRST: Final = (1 << 13) - 1
_SINCE: Final = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Rights that later versions added."""
_NETWORK: Final = 0b11
_SCOPES: Final = 0b11
_TO_READ: Final = _READ | _LIST
_TO_WRITE: Final = (
    _READ | _WRITE | _LIST | _REMOVE_FOLDER | _REMOVE_FILE | _MAKE_FOLDER | _MAKE_FILE
    | _REFER | _TRUNCATE
)  # fmt: skip
_OF_FILES: Final = _EXECUTE | _READ | _WRITE | _TRUNCATE | _SINCE[5]
_DEVICES: Final = {
    "/dev/null": _READ | _WRITE, "/dev/zero": _READ, "/dev/urandom": _READ, "/dev/random": _READ,
}  # fmt: skip
_LIBRARIES: Final = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
    "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo",
)  # fmt: skip


def readable() -> list[str]:
    """Where Python, its packages and the system's libraries are."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {sysconfig.get_path(name) for name in names}
    places.update(site.getsitepackages())
    places.add(str(Path(os.__file__).parent))
    places.add(str(Path(__file__).parent.parent))
    places.update(path for path in sys.path if path.endswith((".zip", "lib-dynload")))
    return [*sorted(places), *_LIBRARIES]


def restrict(version: int, to_read: Iterable[str], to_write: Iterable[str]) -> None:
    """Holds this process to these for ever. What is not there is left out."""
    handled = _OF_FIRST
    for since, right in _SINCE.items():
        if version >= since:
            handled |= right
    sets = [handled]
    if version >= 4:  # noqa: PLR2004 - TCP, for who has no network namespace
        sets.append(_NETWORK)
    if version >= 6:  # noqa: PLR2004 - signals, and unix sockets without a path
        sets.append(_SCOPES)
    ruleset = kernel.landlock_ruleset(*sets)
    try:
        for path in to_read:
            _allow(ruleset, path, _TO_READ & handled)
        for path in to_write:
            _allow(ruleset, path, _TO_WRITE & handled)
        for path, rights in _DEVICES.items():
            _allow(ruleset, path, rights)
        kernel.landlock_restrict(ruleset)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        kernel.landlock_allow(ruleset, descriptor, rights)
    finally:
        os.close(descriptor)
