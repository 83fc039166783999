"""One hub's answers to a search, model by model, from the hub or from the local catalog."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from funland.v1.hub_pb2 import HubModel
from funland_server.errors import FunlandError
from funland_server.hub.catalog.store import Asked, Catalog
from funland_server.hub.clients.protocol import Hub, Wanted
from funland_server.hub.search.pages import Place

_PAGES: Final = 101
"""So many pages of a hub are read for one call at the most: enough to pass over 10,000 models."""
_PICKED_PAGES: Final = 3
"""The same, where each of their models may have to be asked for."""


@dataclass(slots=True)
class Stream:
    """Reads a hub from a place on. Where the hub can't be asked for its first page, the local
    catalog goes on in its stead."""

    hub: Hub
    catalog: Catalog
    wanted: Wanted
    asked: Asked
    """The same search, of the local catalog."""
    place: Place
    """Moves on with each model that is taken."""
    page: int
    """How many models a page has."""
    pick: Callable[[Sequence[HubModel]], Awaitable[Collection[int]]] | None = None
    """Which models of a page are meant, by their places, for what the hub can't filter by."""
    error: FunlandError | None = None
    """Why the hub gave nothing, or nothing more."""
    total: int | None = None
    """How many there are, where that is known."""
    local: list[HubModel] = field(default_factory=list[HubModel])
    """What the local catalog gave."""
    _waiting: deque[tuple[int, HubModel]] = field(default_factory=deque[tuple[int, HubModel]])
    """With the places after them."""
    _next: str | None = None
    """Where the next page begins; None before the first."""
    _pages: int = 0
    _ended: bool = False

    @property
    def has_more(self) -> bool:
        """Whether another model may follow."""
        return bool(self._waiting) or not self._ended

    async def fill(self) -> None:
        """Has models at hand, if there are any in the next pages."""
        most = _PAGES if self.pick is None else _PICKED_PAGES
        while not self._waiting and not self._ended and self._pages < most:
            self._pages += not self.place.local
            await (self._look_up() if self.place.local else self._ask())
        if not self._waiting and self._next:  # the next call begins where this one gave up
            self.place, self._next = Place(self._next), None

    async def take(self) -> HubModel | None:
        """The next model; None if there is no more."""
        await self.fill()
        if not self._waiting:
            return None
        self.place.used, model = self._waiting.popleft()
        if self.place.local:
            self.local.append(model)
        return model

    async def _ask(self) -> None:
        if self._next is not None:
            self.place = Place(self._next)
        first = self.place == Place()
        try:
            found = await self.hub.search(self.wanted, self.page, self.place.cursor)
        except FunlandError as error:
            self.error = error
            if first:
                self.place = Place(local=True)
            else:  # the catalog would give again what the hub has given
                self._ended = True
            return
        await self.catalog.remember(found.models)
        meant = range(len(found.models)) if self.pick is None else await self.pick(found.models)
        self._waiting.extend(
            (number + 1, found.models[number]) for number in meant if number >= self.place.used
        )
        self._next = found.cursor
        self._ended = not found.cursor
        self.total = found.total if self.pick is None else None

    async def _look_up(self) -> None:
        entries, self.total = await self.catalog.search(self.asked, self.place.used, self.page)
        self._waiting.extend(
            (number, entry.model) for number, entry in enumerate(entries, self.place.used + 1)
        )
        self._ended = self.place.used + len(entries) >= self.total


async def taken_in_turn(streams: list[Stream], count: int) -> list[HubModel]:
    """So many models, one of each stream after the other; what one lacks the others have."""
    models: list[HubModel] = []
    turn = list(streams)
    while turn and len(models) < count:
        for stream in list(turn):
            if len(models) == count:
                break
            model = await stream.take()
            if model is None:
                turn.remove(stream)
            else:
                models.append(model)
    return models
