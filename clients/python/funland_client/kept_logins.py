"""The logins that are kept on this machine: a file in the user's folder of settings, theirs alone.

Who refreshes a login holds a lock meanwhile: refresh tokens count once, so that of two processes
that did so at the same time one would end the login of both.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from funland_client.errors import LoginsUnreadableError

_FOLDER_MODE: Final = 0o700
_LOCK_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class KeptLogin:
    """What is sent to a server, and whose it is."""

    username: str
    secret: str = field(repr=False)
    """An access token, or a key."""
    refresh_token: str = field(default="", repr=False)
    """For the next token; a key has none."""


class KeptLogins:
    """Those of one file, by the servers' addresses without a scheme.

    Raises LoginsUnreadableError where the file is none, or can't be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or _place()

    def get(self, address: str) -> KeptLogin | None:
        """The login at a server; None: none is kept."""
        return self._read().get(address.lower())

    def put(self, address: str, login: KeptLogin) -> None:
        """Keeps a login in the place of the one before. Whoever calls it holds the lock."""
        self._write({**self._read(), address.lower(): login})

    def remove(self, address: str) -> None:
        """Forgets a login. Whoever calls it holds the lock."""
        logins = self._read()
        if logins.pop(address.lower(), None) is not None:
            self._write(logins)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Within, no other process and no other thread is here."""
        import fcntl  # noqa: PLC0415 - who keeps no login may have a system without it

        with self._told():
            self.path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            lock = os.open(
                self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _LOCK_MODE
            )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self) -> dict[str, KeptLogin]:
        with self._told():
            try:
                text = self.path.read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return {}  # a service may have no home that it can read
            return _logins(text)

    def _write(self, logins: Mapping[str, KeptLogin]) -> None:
        with self._told():
            # It is made for the user alone, and takes the file's place when it is on the disk.
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(_text(logins))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, self.path)  # noqa: PTH105 - a name, as it was given
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)  # noqa: PTH108 - as above
                raise

    @contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise LoginsUnreadableError(str(self.path), error.strerror or "it fails") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # What it says is not told: it has secrets.
            raise LoginsUnreadableError(str(self.path), "it is no file of logins") from None


def _place() -> Path:
    import platformdirs  # noqa: PLC0415 - who has a key does not need it

    return Path(platformdirs.user_config_dir("funland", appauthor=False)) / "logins.json"


def _logins(text: str) -> dict[str, KeptLogin]:
    servers = cast("Mapping[str, Mapping[str, Any]]", json.loads(text)["servers"])
    return {
        address: KeptLogin(
            str(login["username"]), str(login["secret"]), str(login["refresh_token"])
        )
        for address, login in servers.items()
    }


def _text(logins: Mapping[str, KeptLogin]) -> str:
    servers = {
        address: {
            "username": login.username,
            "secret": login.secret,
            "refresh_token": login.refresh_token,
        }
        for address, login in sorted(logins.items())
    }
    return json.dumps({"servers": servers}, ensure_ascii=False, indent=2) + "\n"
