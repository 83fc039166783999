"""The ways to a file, and the servers that are to be left alone for a while: no I/O, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from yarl import URL

from funland_server.errors import FunlandError
from funland_server.web.urls import Origin, origin_of, parse


@dataclass(eq=False)
class Route:
    """A URL of a file, and what came of it."""

    url: str
    target: URL | None = None
    """Where it redirected to last. It may be signed, and run out."""
    ended: FunlandError | None = None
    """Why it is not tried any more."""
    strikes: int = 0
    """How often it sent what can't be used."""
    asked_anew: bool = False
    """Whether the hub was asked for a new target, and no byte has come since."""

    @cached_property
    def name(self) -> str:
        """What it is called in journals."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @cached_property
    def origin(self) -> Origin:
        """Whose server it is."""
        return origin_of(parse(self.url))


@dataclass(slots=True)
class _Rest:
    until: float
    tries: int
    error: FunlandError


class Servers:
    """Those that failed, by their origin. Times are of one clock."""

    def __init__(self) -> None:
        self._rests: dict[Origin, _Rest] = {}

    def forget(self) -> None:
        """Takes all of them for ready."""
        self._rests.clear()

    def is_ready(self, origin: Origin, now: float) -> bool:
        """Whether it may be asked."""
        rest = self._rests.get(origin)
        return rest is None or rest.until <= now

    def tries(self, origin: Origin) -> int:
        """How often it failed since its last byte."""
        rest = self._rests.get(origin)
        return 0 if rest is None else rest.tries

    def leave(self, origin: Origin, until: float, error: FunlandError) -> None:
        """It failed, and is not asked before then."""
        known = self._rests.get(origin)
        if known is not None:
            until = max(until, known.until)
        self._rests[origin] = _Rest(until, self.tries(origin) + 1, error)

    def received(self, origin: Origin, now: float) -> None:
        """It sent a byte. What it asked to wait for still counts."""
        if (rest := self._rests.get(origin)) is not None:
            if rest.until <= now:
                del self._rests[origin]
            else:
                rest.tries = 0

    def next(self, origins: Iterable[Origin]) -> tuple[float, FunlandError] | None:
        """When the first of these may be asked again, and why not before."""
        rests = [self._rests[origin] for origin in origins if origin in self._rests]
        if not rests:
            return None
        first = min(rests, key=lambda rest: rest.until)
        return first.until, first.error


class Routes:
    """The ways to one file, the best first."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._routes = [Route(url) for url in urls]

    @property
    def left(self) -> list[Route]:
        """Those that may be tried, the best first."""
        return [route for route in self._routes if route.ended is None]

    def best(self, servers: Servers, now: float) -> Route | None:
        """The one to ask now; None if there is none."""
        return next((one for one in self.left if servers.is_ready(one.origin, now)), None)

    def put_last(self, route: Route) -> None:
        """Has all others tried first."""
        self._routes.remove(route)
        self._routes.append(route)

    @property
    def error(self) -> FunlandError | None:
        """Why none is left: what the best of them said."""
        if self.left or not self._routes:
            return None
        return self._routes[0].ended
