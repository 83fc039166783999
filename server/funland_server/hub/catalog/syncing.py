"""Refreshes the local catalog from the hubs: one sync at a time, which all who ask for one join."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import structlog

from funland.v1.hub_pb2 import (
    HubFailure,
    HubSync,
    SearchHubModelsRequest,
    SyncHubsEvent,
    SyncHubsRequest,
    SyncHubsResult,
)
from funland_server.errors import FunlandError, NotFoundError, ServerStoppingError
from funland_server.hub.catalog.favorites import Favorites
from funland_server.hub.catalog.overview import Overview
from funland_server.hub.catalog.store import Catalog
from funland_server.hub.catalog.syncs import Place, Syncs
from funland_server.hub.clients.protocol import Hub, Wanted
from funland_server.hub.errors import HubModelUnsupportedError
from funland_server.hub.hubs import Hubs
from funland_server.hub.knowledge import Knowledge
from funland_server.web.errors import OfflineError

logger = structlog.get_logger(__name__)

_MODELS = 500
_PAGE = 100
_WANTED = Wanted(sort=SearchHubModelsRequest.DOWNLOADS)


class Syncing:
    """The sync that runs, if one does. It goes on when those who asked for it are gone."""

    def __init__(
        self,
        hubs: Hubs,
        catalog: Catalog,
        favorites: Favorites,
        *,
        syncs: Syncs,
        knowledge: Knowledge,
        overview: Overview,
    ) -> None:
        self._hubs = hubs
        self._catalog = catalog
        self._favorites = favorites
        self._syncs = syncs
        self._knowledge = knowledge
        self._overview = overview
        self._run: _Run | None = None

    async def sync(self, request: SyncHubsRequest) -> AsyncGenerator[SyncHubsEvent]:
        """Runs a sync, or joins the one that runs, and tells how far it is.

        Raises:
            FieldInvalidError: The settings leave the hub out.
            OfflineError: The settings say so.
            ServerStoppingError: The server stops; what was fetched is kept.
        """
        hubs = self._hubs.checked(request.hub)
        if self._hubs.offline:
            raise OfflineError
        run = self._run
        if run is None or run.task.done():
            run = self._run = _Run()
            run.task = asyncio.create_task(self._sync(run, hubs, request.limit or _MODELS))
        seen = 0
        while True:
            while seen < len(run.events):
                event = run.events[seen]
                seen += 1
                yield event
            if run.task.done():
                break
            await run.wait(seen)
        if run.task.cancelled():
            raise ServerStoppingError
        if (error := run.task.exception()) is not None:
            raise error

    def announce_stop(self) -> None:
        """Ends the sync."""
        if self._run is not None:
            self._run.task.cancel()

    async def close(self) -> None:
        """Waits until it has ended."""
        if self._run is not None:
            self._run.task.cancel()
            await asyncio.gather(self._run.task, return_exceptions=True)

    async def _sync(self, run: _Run, hubs: list[Hub], limit: int) -> None:
        added = await asyncio.gather(*(self._sync_one(run, hub, limit) for hub in hubs))
        known = await self._overview.hubs()
        synced = {hub.kind for hub, new in zip(hubs, added, strict=True) if new is not None}
        run.tell(
            SyncHubsEvent(
                finish=SyncHubsResult(
                    hubs=[info for info in known if info.hub in synced],
                    models=sum(run.models.values()),
                    added=sum(new or 0 for new in added),
                )
            )
        )

    async def _sync_one(self, run: _Run, hub: Hub, limit: int) -> int | None:
        """How many models of a hub are new; None if it could not be synced to its end."""
        added = 0
        try:
            place = await self._syncs.begin(hub.kind)
            while hub.searchable and place.models < limit:
                # Pages of one size, so that another sync can go on with them.
                found = await hub.search(_WANTED, _PAGE, place.cursor)
                models = found.models[: limit - place.models]
                added += await self._catalog.remember(models)
                place = Place(found.cursor, place.models + len(models))
                await self._syncs.reached(hub.kind, place)
                run.tell_progress(hub, place.models)
                if not found.cursor:
                    break
            marked = await self._refresh_favorites(hub)
            await self._syncs.end(hub.kind)
            run.tell_progress(hub, place.models + marked, done=True)
        except FunlandError as error:
            run.tell(SyncHubsEvent(failure=HubFailure(hub=hub.kind, error=error.to_wire())))
            return None
        logger.info("hub_synced", hub=hub.endpoint, models=place.models, added=added)
        return added

    async def _refresh_favorites(self, hub: Hub) -> int:
        """Asks for all favorites of a hub; gives how many it told of."""
        told, token = 0, ""
        while True:
            page, token, _ = await self._favorites.page(hub.kind, token, _PAGE)
            for (_, model_id), _ in page:
                try:
                    known = await self._knowledge.tell([hub], model_id, "")
                except (NotFoundError, HubModelUnsupportedError):
                    continue  # it stays a favorite, as it was known last
                if known.error is not None:
                    raise known.error
                told += 1
            if not token:
                return told


class _Run:
    """A sync, and what it has told so far."""

    def __init__(self) -> None:
        self.events: list[SyncHubsEvent] = []
        self.models: dict[int, int] = {}
        self.task: asyncio.Task[None]
        self._more = asyncio.Event()

    def tell(self, event: SyncHubsEvent) -> None:
        self.events.append(event)
        self._more.set()
        self._more = asyncio.Event()

    def tell_progress(self, hub: Hub, models: int, *, done: bool = False) -> None:
        self.models[hub.kind] = models
        self.tell(SyncHubsEvent(progress=HubSync(hub=hub.kind, models=models, done=done)))

    async def wait(self, seen: int) -> None:
        """Until there is more, or the sync has ended."""
        if seen == len(self.events):
            more = asyncio.create_task(self._more.wait())
            try:
                await asyncio.wait({more, self.task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                more.cancel()
