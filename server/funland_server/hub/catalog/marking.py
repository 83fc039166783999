"""Favorites, with what is known of their models."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.hub_pb2 import (
    AddFavoriteRequest,
    Favorite,
    HubModel,
    ListFavoritesRequest,
    ListFavoritesResponse,
)
from funland.v1.models_pb2 import Origin
from funland_server.errors import FunlandError, NotFoundError
from funland_server.hub.catalog.entries import Key, stamped
from funland_server.hub.catalog.favorites import Favorites
from funland_server.hub.catalog.store import Catalog
from funland_server.hub.errors import HubModelUnsupportedError
from funland_server.hub.knowledge import Knowledge
from funland_server.hub.names import tagged
from funland_server.hub.presenting import Presenting

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Marking:
    """Marks models."""

    favorites: Favorites
    catalog: Catalog
    knowledge: Knowledge
    presenting: Presenting

    async def add(self, request: AddFavoriteRequest) -> Favorite:
        """See `HubService.AddFavorite`."""
        hubs = self.knowledge.hubs_for(request.hub, request.model_id)
        try:
            told = await self.knowledge.tell(hubs, request.model_id, "")
        except (NotFoundError, HubModelUnsupportedError):
            raise
        except FunlandError:
            if len(hubs) > 1:  # nobody can say whose it is
                raise
            key: Key = (hubs[0].kind, written(hubs[0].kind, request.model_id))
        else:
            key = told.entry.key
        since = await self.favorites.add(key)
        (model,) = await self._models([key])
        return Favorite(model=model, create_time=stamped(since))

    async def remove(self, hub: Origin.Hub.ValueType, model_id: str) -> None:
        """See `HubService.RemoveFavorite`."""
        await self.favorites.remove(hub, model_id)
        if (other := written(Origin.OLLAMA, model_id)) != model_id and hub in (0, Origin.OLLAMA):
            await self.favorites.remove(Origin.OLLAMA, other)

    async def page(self, request: ListFavoritesRequest) -> ListFavoritesResponse:
        """See `HubService.ListFavorites`."""
        size = request.page_size or _PAGE
        found, token, total = await self.favorites.page(request.hub, request.page_token, size)
        models = await self._models([key for key, _ in found])
        return ListFavoritesResponse(
            favorites=[
                Favorite(model=model, create_time=stamped(since))
                for model, (_, since) in zip(models, found, strict=True)
            ],
            next_page_token=token,
            total_size=total,
        )

    async def _models(self, keys: list[Key]) -> list[HubModel]:
        known = await self.catalog.get_all(keys)
        bare = [HubModel(hub=hub, model_id=model_id) for hub, model_id in keys]
        shown = await self.presenting.models(
            [known[key].model if key in known else one for key, one in zip(keys, bare, strict=True)]
        )
        for key, model in zip(keys, shown, strict=True):
            if key not in known:
                model.ClearField("known_time")
        return shown


def written(hub: Origin.Hub.ValueType, model_id: str) -> str:
    """An id in the one writing that its hub's models have."""
    return tagged(model_id, model_id.partition(":")[2]) if hub == Origin.OLLAMA else model_id
