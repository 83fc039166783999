"""Puts routes into aiohttp's router, and finds the one that a wrong path meant."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from aiohttp import web

from funland.v1.errors_pb2 import Error

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How the handler that has a request tells errors."""

    error_response: Callable[[Error], web.Response]


SHAPE = web.RequestKey("shape", Shape)
"""Without it the path says."""

_PREFIXES = ("/v1", "/funland/v1", "/api/v1")
"""What a client's base URL may lack."""
_MOST_DROPPED = 3
"""What it may have too much of: so many steps of a path."""


def add_route(app: web.Application, method: str, pattern: str, handler: Handler) -> None:
    """Adds a route; one for GET takes HEAD too, of which aiohttp sends no body."""
    if method == "GET":
        app.router.add_get(pattern, handler)
    else:
        app.router.add_route(method, pattern, handler)


def meant(path: str, app: web.Application) -> str | None:
    """The path that a wrong one was perhaps to be: without slashes that are too many, with a prefix
    that it lacks, or without one that it has twice. None if nothing is there either."""
    return next((each for each in _candidates(path) if _leads_somewhere(each, app)), None)


def _candidates(path: str) -> Iterator[str]:
    steps = [step for step in path.split("/") if step]
    if not steps:
        return
    plain = "/" + "/".join(steps)
    if plain != path:
        yield plain
    for prefix in _PREFIXES:
        yield prefix + plain
    for dropped in range(1, min(len(steps), _MOST_DROPPED + 1)):
        yield "/" + "/".join(steps[dropped:])


def _leads_somewhere(path: str, app: web.Application) -> bool:
    for resource in app.router.resources():
        info = resource.get_info()
        pattern: re.Pattern[str] | None = info.get("pattern")
        if pattern.fullmatch(path) if pattern else info.get("path") == path:
            return True
    return False
