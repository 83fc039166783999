"""Serves the web page: its document at /, and its files under a path that names their content.

The document is asked for anew each time and names the files by a hash of them all, so an update is
seen at once and the files are kept for good. Nothing is built before: the files are read, put
together and pressed when the page is first asked for.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import hdrs, web

from funland_gateway.linking import linked

_FOLDER = "web"
_DOCUMENT = "index.html"
_ENTRY = "main.js"
_SCRIPT = "page.js"
"""Of all modules."""
_STYLE = "page.css"
"""Of all style sheets, in their order."""
_STYLES = tuple(f"style/{name}.css" for name in ("base", "layout", "parts", "chat", "pages"))
_NOT_OF_THE_PAGE = ("docs/",)
_VERSION = "{version}"
_VERSION_LENGTH = 16

_HEADERS = {
    # The page is its own files. Pictures and sounds that models make are blobs of the page's;
    # nothing comes from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}
_ALWAYS_ASK = "no-cache"
_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, as it is sent."""

    body: bytes
    pressed: bytes
    """The same in gzip."""
    content_type: str


@dataclass(frozen=True, slots=True)
class Page:
    """All of it."""

    version: str
    """Says which content it has: other content has another."""
    document: PageFile
    files: Mapping[str, PageFile]
    """By their path below the version."""


def add_page(app: web.Application) -> None:
    """Adds / and /ui/VERSION/FILE."""
    made: list[Page] = []

    async def page() -> Page:
        if not made:
            made.append(await asyncio.to_thread(read_page))
        return made[0]

    async def document(request: web.Request) -> web.StreamResponse:
        found = await page()
        return _answer(request, found.document, found.version, _ALWAYS_ASK)

    async def file(request: web.Request) -> web.StreamResponse:
        found = await page()
        one = found.files.get(request.match_info["name"])
        if one is None or request.match_info["version"] != found.version:
            raise web.HTTPNotFound
        return _answer(request, one, found.version, _FOR_GOOD)

    app.router.add_get("/", document)
    app.router.add_get("/ui/{version}/{name:.+}", file)


def read_page() -> Page:
    """Reads the page's files from the package."""
    folder = resources.files("funland_gateway").joinpath(_FOLDER)
    found = {
        name: file.read_bytes()
        for name, file in sorted(_walk(folder))
        if not name.startswith(_NOT_OF_THE_PAGE)
    }
    return make_page(found)


def make_page(found: Mapping[str, bytes]) -> Page:
    """The page of its files, by their names."""
    digest = hashlib.sha256()
    for name, content in sorted(found.items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    version = digest.hexdigest()[:_VERSION_LENGTH]
    sources = {name: body.decode() for name, body in found.items() if name.endswith(".js")}
    script = linked(sources, _ENTRY)
    put_together = {_DOCUMENT, *script.modules, *_STYLES}
    files = {name: body for name, body in found.items() if name not in put_together}
    files[_SCRIPT] = script.text.encode()
    files[_STYLE] = b"".join(found.get(name, b"") for name in _STYLES)
    document = found[_DOCUMENT].decode().replace(_VERSION, version)
    return Page(
        version,
        _pressed(_DOCUMENT, document.encode()),
        {name: _pressed(name, body) for name, body in files.items()},
    )


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/")
        else:
            yield prefix + each.name, each


def _pressed(name: str, body: bytes) -> PageFile:
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return PageFile(body, gzip.compress(body, 9, mtime=0), kind or "text/plain")


def _answer(request: web.Request, file: PageFile, version: str, keep: str) -> web.Response:
    gzipped = takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    tag = f'"{version}{"-gz" if gzipped else ""}"'
    headers = {**_HEADERS, "Cache-Control": keep, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
        return web.Response(status=304, headers=headers)
    if gzipped:
        headers["Content-Encoding"] = "gzip"
    body = file.pressed if gzipped else file.body
    return web.Response(body=body, content_type=file.content_type, charset="utf-8", headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Whether a client that says so of the encodings it accepts takes gzip."""
    for part in accepted.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"q=0(\.0*)?", parameters.strip())
    return False
