"""Models of hubs as callers see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from funland.v1.hub_pb2 import HubFile, HubModel
from funland.v1.models_pb2 import Origin
from funland_server.downloads.files.names import complaint, is_never_fetched
from funland_server.hub.catalog.entries import Entry, Key, key_of
from funland_server.hub.catalog.favorites import Favorites
from funland_server.hub.choice.ranking import Ranking, all_variants
from funland_server.hub.clients.protocol import ListedFile, Listing
from funland_server.hub.hubs import Hubs
from funland_server.hub.names import tagged
from funland_server.models.installed.model import InstalledModel


@dataclass(frozen=True, slots=True)
class Presenting:
    """What is told of models beside what their hubs say."""

    hubs: Hubs
    favorites: Favorites
    ranking: Ranking
    installed: Callable[[], Sequence[InstalledModel]]

    async def models(
        self, models: Sequence[HubModel], entries: Mapping[Key, Entry] | None = None
    ) -> list[HubModel]:
        """Models of a list; those of which there are entries with their files."""
        marked = await self.favorites.among([key_of(model) for model in models])
        installed = self.installed_by_key()
        told: list[HubModel] = []
        for model in models:
            entry = (entries or {}).get(key_of(model))
            shown = HubModel()
            shown.CopyFrom(entry.model if entry is not None else model)
            if not shown.HasField("known_time"):
                shown.known_time.GetCurrentTime()
            del shown.variants[:]
            if entry is not None and (listing := entry.listing) is not None:
                shown.revision = listing.model.revision
                self._add_files(shown, listing)
            shown.favorite = key_of(model) in marked
            shown.installed_model_ids[:] = installed.get(key_of(model), [])
            told.append(shown)
        return told

    def installed_by_key(self) -> dict[Key, list[str]]:
        """The installed models' ids by where they come from."""
        found: dict[Key, list[str]] = {}
        for model in self.installed():
            origin = model.origin
            if origin is not None and origin.hub:
                name = origin.model_id
                if origin.hub == Origin.OLLAMA:
                    name = tagged(name, origin.variant)
                found.setdefault((origin.hub, name), []).append(model.model_id)
        return found

    def _add_files(self, shown: HubModel, listing: Listing) -> None:
        paths = {file.path for file in listing.files}
        shown.files.extend(
            HubFile(
                path=file.path,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                url=self._url(listing, file, paths),
            )
            for file in listing.files
        )
        variants = all_variants(listing)
        if variants:
            shown.formats[:] = sorted({one.format for one in variants})
        shown.variants.extend(one.to_wire() for one in self.ranking.rank(shown, variants))

    def _url(self, listing: Listing, file: ListedFile, paths: set[str]) -> str:
        asked = self.hubs.asked(listing.model.hub)
        if not asked or complaint(file.path) or is_never_fetched(file.path, paths):
            return ""
        return asked[0].urls(listing, file)[0]
