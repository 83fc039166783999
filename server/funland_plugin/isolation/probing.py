"""Finds out, by trying, whether this system can keep a plugin from what it may not do."""

from __future__ import annotations

import os
import socket
import sys
from typing import Final, NoReturn

from funland_plugin.isolation.confining import UnavailableError, confine
from funland_plugin.isolation.files import readable

_LONGEST: Final = 500


def missing() -> str:
    """What is missing; empty: nothing. A process is confined and tries what it must not be able
    to do."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _try(writing)
    os.close(writing)
    said = b""
    while piece := os.read(reading, _LONGEST):
        said += piece
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    if said == b"ok" and status == 0:
        return ""
    return said.decode(errors="replace") or f"the trial ended with {status}"


def _try(writing: int) -> NoReturn:
    said = "ok"
    try:
        confine(to_read=readable(), to_write=())
        said = _hole() or said
    except UnavailableError as error:
        said = str(error)
    except BaseException as error:  # whatever it is, plugins are not run
        said = f"{type(error).__name__}: {error}"
    os.write(writing, said.encode()[:_LONGEST])
    os._exit(0)


def _hole() -> str:
    """What the confined process can do that it must not."""
    try:
        os.listdir("/")  # noqa: PTH208 - no more of Python than must be
    except PermissionError:
        pass
    else:
        return "Landlock lets it read any folder"
    try:
        socket.socket().close()
    except PermissionError:
        pass
    else:
        return "seccomp lets it make sockets"
    try:
        if os.fork() == 0:
            os._exit(0)
    except PermissionError:
        pass
    else:
        return "seccomp lets it make processes"
    # What it needs still works.
    with open(os.__file__, "rb") as file:  # noqa: PTH123 - no more of Python than must be
        file.read(1)
    return "" if sys.path else "Python has no path"
