"""The one parser of foreign URLs.

What it gives is what the connection is made from, so nobody else can read the same text in another
way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from yarl import URL

from funland_server.web.errors import AddressNotAllowedError

LONGEST: Final = 16 * 1024
"""Bytes of a URL; signed ones are long."""
_PLAIN: Final = re.compile(r"[\x21-\x7e]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_V6: Final = re.compile(r"[0-9A-Fa-f:.]+")
_UNPLAIN: Final = (
    "it has spaces, control characters, backslashes or letters beyond ASCII, which a URL escapes"
)
_PORTS: Final = range(1, 65536)
_SCHEMES: Final = ("http", "https")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a credential is bound to: scheme, host and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """As in a URL, without the port where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")


def parse(text: str, base: URL | None = None) -> URL:
    """Reads a URL, and one that is relative against its `base`.

    A query is kept as it was written: it may be signed.

    Raises:
        AddressNotAllowedError: It is no plain http or https URL. The message has no part of it but
            the host.
    """
    if not text or len(text) > LONGEST:
        raise AddressNotAllowedError("", f"a URL has 1 to {LONGEST} characters")
    if not _PLAIN.fullmatch(text) or "\\" in text:
        raise AddressNotAllowedError("", _UNPLAIN)
    try:
        url = URL(text, encoded=True)
        if base is not None:
            url = base.join(url)
        host, port = url.raw_host, url.port
    except ValueError:
        raise AddressNotAllowedError("", "it can't be read") from None
    if url.scheme.lower() not in _SCHEMES:
        raise AddressNotAllowedError(host or "", "only http and https are followed")
    if not host or not (_NAME.fullmatch(host) or (":" in host and _V6.fullmatch(host))):
        raise AddressNotAllowedError("", "its host is no name or address")
    if url.raw_user is not None or url.raw_password is not None:
        raise AddressNotAllowedError(host, "a URL holds no user or password")
    if port not in _PORTS:
        raise AddressNotAllowedError(host, "its port is none")
    return url.with_fragment(None) if url.raw_fragment else url


def origin_of(url: URL) -> Origin:
    """Where a URL that was parsed leads."""
    return Origin(url.scheme.lower(), host_of(url), url.port or 0)


def host_of(url: URL) -> str:
    """The host of a URL that was parsed, in the one writing that is compared."""
    return normal_host(url.raw_host or "")


def normal_host(host: str) -> str:
    """A host in the one writing that is compared."""
    return host.strip("[]").lower().removesuffix(".")
