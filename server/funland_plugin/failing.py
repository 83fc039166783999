"""Says why a plugin's code failed, in the contract's kinds."""

from __future__ import annotations

import errno
import socket
import sys
import traceback
from typing import Any, Final

from funland.worker.v1.plugin_pb2 import PluginFailure
from funland_plugin.checking import SchemaBrokenError, ViolatedError
from funland_plugin.errors import AskError, DeniedError, LimitError

_LONGEST: Final = 2000
_TRIED: Final = {
    "socket.": "network", "os.fork": "processes", "os.forkpty": "processes",
    "os.posix_spawn": "processes", "os.exec": "processes", "os.system": "processes",
    "subprocess.Popen": "processes", "os.kill": "signals", "open": "files", "os.": "files",
}  # fmt: skip
"""What Python is asked for, by the beginning of the name under which it tells its audit hooks."""


class Attempts:
    """What the code last tried that might be forbidden: the kernel says no more than that it is.

    It serves the wording alone, and keeps the code from nothing.
    """

    def __init__(self) -> None:
        self.last = "files"
        self._listens = True

    def listen(self) -> None:
        """Hears of all that Python is asked for, from now on."""
        sys.addaudithook(self._hear)

    def rest(self) -> None:
        """The code has ended; what comes now is ours."""
        self._listens = False

    def _hear(self, event: str, _: tuple[Any, ...]) -> None:
        if not self._listens:
            return
        for beginning, permission in _TRIED.items():
            if event.startswith(beginning):
                self.last = permission
                return


def failure(error: BaseException, attempts: Attempts) -> PluginFailure:
    """Why it can't be done; `error` is what the code let pass."""
    try:
        return _failure(error, attempts)
    except BaseException:  # a stranger's error may not even be looked at
        return _told(PluginFailure.FAILED, f"It raised a {type(error).__name__}.")


def _failure(error: BaseException, attempts: Attempts) -> PluginFailure:  # noqa: PLR0911 - a table
    match error:
        case ViolatedError():
            return _told(PluginFailure.FAILED, f"Its output breaks its schema: {error}.")
        case SchemaBrokenError():
            return _told(PluginFailure.BROKEN, str(error))
        case AskError():
            return PluginFailure(
                kind=PluginFailure.ASKED, message=str(error)[:_LONGEST], ask_number=error.number
            )
        case LimitError():
            return _told(PluginFailure.LIMIT, str(error), error.limit)
        case MemoryError():
            return _told(PluginFailure.LIMIT, "Memory is used up.", "memory")
        case DeniedError():
            return _told(PluginFailure.DENIED, str(error), error.permission)
        case PermissionError() | socket.gaierror():
            return _told(PluginFailure.DENIED, _words(error), attempts.last)
        case OSError() if error.errno == errno.EFBIG:  # a full disk of the system's is no limit
            return _told(PluginFailure.LIMIT, _words(error), "disk")
        case OSError() if error.errno == errno.ENOMEM:
            return _told(PluginFailure.LIMIT, _words(error), "memory")
        case RuntimeError() if "can't start new thread" in str(error):
            return _told(PluginFailure.LIMIT, _words(error), "threads")
        case _:
            return _told(PluginFailure.FAILED, _words(error))


def broken(error: BaseException) -> PluginFailure:
    """Why the code can't be imported."""
    return _told(PluginFailure.BROKEN, f"Its code can't be imported: {_words(error)}")


def _told(kind: PluginFailure.Kind.ValueType, message: str, subject: str = "") -> PluginFailure:
    sent = message[:_LONGEST].encode(errors="replace").decode()  # half a sign is no text
    return PluginFailure(kind=kind, message=sent, subject=subject)


def _words(error: BaseException) -> str:
    """The error and where in the plugin it arose, without paths of this machine."""
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename.rsplit('/', 1)[-1]}, line {error.lineno}"
        return f"{type(error).__name__}: {error.msg} ({where})"
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if not frame.filename.startswith((sys.prefix, "<"))]
    here = [frame for frame in here if "/funland_plugin/" not in frame.filename]
    if not here:
        return said
    last = here[-1]
    return f"{said} ({last.filename.rsplit('/', 1)[-1]}, line {last.lineno})"
