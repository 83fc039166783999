"""What the local catalog holds, in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from funland.v1.hub_pb2 import HubCategory, HubInfo, HubStatistics
from funland.v1.models_pb2 import Origin
from funland_server.hub.catalog.entries import stamped
from funland_server.hub.catalog.favorites import Favorites
from funland_server.hub.catalog.store import Catalog
from funland_server.hub.catalog.syncs import Syncs
from funland_server.hub.clients.protocol import DISPLAY_NAMES, HubKind
from funland_server.hub.hubs import Hubs


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts, and asks no hub."""

    all_hubs: Hubs
    catalog: Catalog
    favorites: Favorites
    syncs: Syncs
    installed: Callable[[], int]
    """How many installed models come from a hub."""

    async def hubs(self) -> list[HubInfo]:
        """The hubs in their order."""
        counts, times = await self.catalog.counts(), await self.syncs.times()
        told: list[HubInfo] = []
        for hub in self.all_hubs.asked():
            info = HubInfo(
                hub=hub.kind,
                display_name=DISPLAY_NAMES[hub.kind],
                endpoint=hub.endpoint,
                mirrors=hub.mirrors,
                has_token=hub.has_token,
                searchable=hub.searchable,
                catalog_models=counts.get(hub.kind, (0, 0))[0],
            )
            if (synced := times.get(hub.kind)) is not None:
                info.catalog_time.CopyFrom(stamped(synced))
            told.append(info)
        return told

    async def categories(self, hub: HubKind = Origin.HUB_UNSPECIFIED) -> list[HubCategory]:
        """The kinds of models, the most frequent first."""
        found = await self.catalog.categories(hub)
        return [HubCategory(name=name, models=count) for name, count in found]

    async def statistics(self) -> HubStatistics:
        """All together."""
        counts = await self.catalog.counts()
        _, _, favorites = await self.favorites.page(Origin.HUB_UNSPECIFIED, "", 1)
        return HubStatistics(
            models=sum(count for count, _ in counts.values()),
            downloads=sum(downloads for _, downloads in counts.values()),
            favorites=favorites,
            installed=self.installed(),
            hubs=await self.hubs(),
            categories=await self.categories(),
        )
