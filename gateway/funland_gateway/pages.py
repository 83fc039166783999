"""Serves /openapi.json and the page that shows it, from files in the package."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

import orjson
from aiohttp import web

_FILES = {
    "/docs": ("index.html", "text/html"),
    "/docs/style.css": ("style.css", "text/css"),
    "/docs/app.js": ("app.js", "text/javascript"),
}
_HEADERS = {
    # The page is its own three files and the document; nothing from elsewhere runs in it.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def add_pages(
    app: web.Application, document: Callable[[], dict[str, Any]], *, at_root: bool
) -> None:
    """Adds /openapi.json, /docs and, with `at_root`, at / the way there. Each is made when it is
    first asked for: few ever ask, and the document is as large as its making is long."""

    def openapi() -> bytes:
        return orjson.dumps(document())

    app.router.add_get("/openapi.json", _constant(openapi, "application/json"))
    for path, (name, content_type) in _FILES.items():
        file = resources.files("funland_gateway").joinpath("web", "docs", name)
        app.router.add_get(path, _constant(file.read_bytes, content_type))
    if at_root:
        app.router.add_get("/", _to_docs)


def _constant(
    make: Callable[[], bytes], content_type: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    made: list[bytes] = []

    async def answer(_: web.Request) -> web.Response:
        if not made:  # which takes a while, in which other calls go on
            made.append(await asyncio.to_thread(make))
        return web.Response(
            body=made[0], content_type=content_type, charset="utf-8", headers=_HEADERS
        )

    return answer


async def _to_docs(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/docs"})
