"""Where the gateway listens: one port for all that it speaks, and ports of one dialect each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SPOKEN: Final = (
    "openai",
    "inference",
    "hellovm",
    "manager",
    "platform",
    "scheduler",
    "ollama",
    "anthropic",
    "mcp",
)
"""The dialects by name. Settings are read by those that dialects use, so they can't ask them."""

_PLACE: Final = re.compile(
    r"(?:(?P<host>\[[^\]]*\]|[^\[\]:=]+):)?(?P<port>[0-9]{1,5})=(?P<name>.*)"
)
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """A port where only one dialect answers."""

    host: str
    """A name or an address. Empty: the gateway's own."""
    port: int
    """0 takes a free one."""
    dialect: str
    """Its name."""

    def __str__(self) -> str:
        """As `read_place` reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}={self.dialect}" if host else f"{self.port}={self.dialect}"


def read_place(text: str) -> Place:
    """Reads `5000=manager` or `[::1]:5000=manager`; raises `ValueError` with how to write it."""
    match = _PLACE.fullmatch(text.strip())
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise ValueError(
            f"{text!r} is no port of a dialect: write PORT=DIALECT or HOST:PORT=DIALECT, such as"
            " 5000=manager or 127.0.0.1:5000=manager"
        )
    if match["name"] not in SPOKEN:
        raise ValueError(
            f"{text!r} names no dialect: there is no {match['name']!r}, but {', '.join(SPOKEN)}"
        )
    return Place((match["host"] or "").strip("[]"), int(match["port"]), match["name"])
