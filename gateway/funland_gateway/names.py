"""Checks names of hosts and origins that a person wrote down: as browsers send them, or refused."""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = rf"(?:\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)"
_HOST = re.compile(_NAME, re.IGNORECASE)
_ORIGIN = re.compile(rf"([a-z][a-z0-9+.-]*)://({_NAME})(:[1-9][0-9]{{0,4}})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_HIGHEST_PORT = 65535


def host_name(given: str) -> str:
    """A name as it stands in `Host`, without a port; raises `ValueError` with how to write it."""
    if _HOST.fullmatch(given):
        return given
    raise ValueError(
        f"{given!r} is no host: write a name or an address alone, such as funland.internal or"
        " [::1], without scheme, port, path or *"
    )


def web_origin(given: str) -> str:
    """An origin as browsers send it; raises `ValueError` with how to write it.

    They write it in lower case, without a path and without the scheme's usual port, and compare it
    as a whole; so one in another form would never match.
    """
    plain = given.strip().rstrip("/").lower()
    match = _ORIGIN.fullmatch(plain)
    if match is None or int((match[3] or ":0")[1:]) > _HIGHEST_PORT:
        raise ValueError(
            f"{given!r} is no origin: write scheme://host or scheme://host:port, such as"
            " https://app.example, each origin by itself, without path or *"
        )
    scheme, host, port = match.groups(default="")
    right = f"{scheme}://{host}" + ("" if port == _USUAL_PORTS.get(scheme) else port)
    if right != given:
        raise ValueError(f"browsers don't send {given!r}: write {right!r}")
    return given
