"""The URL of a database, which has a password: what passes for one, and what may be told of it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_FORM = "postgresql://USER:PASSWORD@HOST:PORT/NAME"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/?#@]*)(?::([0-9]{1,5}))?")
_LAST_PORT = 65535


def checked(url: str) -> str:
    """The URL as the driver takes it.

    Raises:
        ValueError: It is none, for a reason that has no part of the URL in it: what looks like a
            host may be half of a password.
    """
    scheme, _, rest = url.strip().partition("://")
    if scheme not in _SCHEMES or not rest:
        raise ValueError(f"it must be {_FORM}; SQLite's file in the home is for those without")
    read = f"postgresql://{rest}"
    try:
        parts = urlsplit(read)
    except ValueError:
        raise ValueError(f"it is not of the form {_FORM}") from None
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if not all(map(_is_host, hosts)) or "@" in parts.path or parts.fragment:
        raise ValueError(
            f"it is not of the form {_FORM}; characters such as : / ? # @ % of a password are"
            " written as %3A %2F %3F %23 %40 %25"
        )
    if len(parts.path) < 2:  # noqa: PLR2004 - a slash alone
        raise ValueError(f"it names no database; it must be {_FORM}")
    return read


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and int(found[2] or 0) <= _LAST_PORT


def told(url: str) -> str:
    """Where a checked URL leads, without user, password and options."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
