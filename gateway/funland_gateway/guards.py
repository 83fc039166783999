"""Refuses requests that did not mean this gateway, or that a web page sends behind its user's back.

A page on the internet can point a name of its own at 127.0.0.1 (DNS rebinding) or post to it
blindly. `Host` shows the first, `Origin` the second.
"""

from __future__ import annotations

import re

from aiohttp import web

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.config import ANY, GatewaySettings
from funland_gateway.failures import CallFailed, failure

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]@:/?#\s]+)(:[0-9]{1,5})?")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_EXPOSED = (
    "x-request-id, retry-after, www-authenticate, x-ratelimit-limit, x-ratelimit-remaining,"
    " x-ratelimit-reset, mcp-session-id"
)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Knows whose requests are answered."""

    def __init__(self, settings: GatewaySettings, host: str) -> None:
        """`host` is the address that it listens on."""
        own = f"[{host}]" if ":" in host else host
        named = (*_LOOPBACK, *(() if host in ANY else (own,)), *settings.allowed_hosts)
        self._hosts = {name.lower() for name in named}
        self._origins = frozenset(settings.allowed_origins)

    def check(self, request: web.Request) -> None:
        """Raises `CallFailed` for a request that is not to be answered."""
        host = request.headers.get("Host", "").lower()
        match = _AUTHORITY.fullmatch(host)
        if match is None or match["name"] not in self._hosts:
            raise _refused(
                f"This gateway does not answer to the host {host[:100]!r}. Add it to "
                "`allowed_hosts` if it is yours."
            )
        for origin in request.headers.getall("Origin", ()):
            if not self._may_call(origin, host):
                raise _refused(
                    f"Pages from {origin[:100]!r} may not call this gateway. Add the origin to "
                    "`allowed_origins` if it is yours."
                )

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks before a page's call; None for any other request."""
        wanted = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or wanted is None:
            return None
        return web.Response(
            status=204,
            headers={
                # What is named counts; a `*` would not stand for `Authorization`.
                "Access-Control-Allow-Methods": wanted,
                "Access-Control-Allow-Headers": request.headers.get(
                    "Access-Control-Request-Headers", ""
                ),
                "Access-Control-Max-Age": "600",
            },
        )

    def share(self, request: web.Request, response: web.StreamResponse) -> None:
        """Lets a page of an allowed origin read the answer. Where there is such a page, caches are
        told that others get other answers."""
        origin = request.headers.get("Origin")
        if self._origins:
            response.headers["Vary"] = "Origin"
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED

    def _may_call(self, origin: str, host: str) -> bool:
        return origin in self._origins or origin.lower() in (f"http://{host}", f"https://{host}")


def protect(response: web.StreamResponse, *, secure: bool) -> None:
    """Says what a browser is to make of an answer: nothing but what it says that it is, and in no
    frame; with `secure`, to come by https from now on. What a page says of itself goes before."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


def _refused(message: str) -> CallFailed:
    return failure("PERMISSION_DENIED", ErrorReason.HOST_NOT_ALLOWED, message)
