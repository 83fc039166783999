# Generated from ../asynchronous/hubs.py by `make client`: edit that one.
"""The hubs that models are downloaded from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, Unpack

from funland.v1.hub_pb2 import (
    AddFavoriteRequest,
    Favorite,
    GetHubModelRequest,
    GetHubStatisticsRequest,
    HubCategory,
    HubInfo,
    HubModel,
    HubStatistics,
    ListFavoritesRequest,
    ListHubCategoriesRequest,
    ListHubsRequest,
    ListTrendingModelsRequest,
    ListTrendingModelsResponse,
    RemoveFavoriteRequest,
    SearchHubModelsResponse,
    SyncHubsEvent,
    SyncHubsRequest,
    VariantChoice,
)
from funland.v1.hub_pb2_grpc import HubServiceStub
from funland_client import requests
from funland_client.arguments import Hub, SearchArguments, SourceArguments
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.fields import filled

Favorites: TypeAlias = list[Favorite]  # the class has a `list` of its own
Categories: TypeAlias = Sequence[HubCategory]


class Hubs:
    """The hubs that models are downloaded from, as `client.hubs`.

    Where no `hub` is named it is the first that has the model, in the settings' order; or all.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = HubServiceStub(connection.channel)

    def list(self) -> list[HubInfo]:
        """Gets the hubs as the server's settings have them, in the order in which it asks them."""
        response = self._connection.call(self._stub.ListHubs, ListHubsRequest())
        return [*response.hubs]

    def search(
        self, query: str = "", **filters: Unpack[SearchArguments]
    ) -> SearchHubModelsResponse:
        """Gets a page of the models that have these words; `next_page_token` asks for the next.

        `local` asks no hub, only what the server has synced; it answers too where no hub does, and
        `catalog_time` then says how old that is. `failures` tells the hubs that gave nothing.
        """
        return self._connection.call(self._stub.SearchHubModels, requests.search(query, filters))

    def get(self, model_id: str, hub: Hub | None = None, *, revision: str = "") -> HubModel:
        """Gets all that a hub tells of a model, its files and what can be installed of it."""
        request = filled(GetHubModelRequest, "", {"model_id": model_id, **_named(hub)})
        request.revision = revision
        return self._connection.call(self._stub.GetHubModel, request)

    def choose(self, source: str, **wanted: Unpack[SourceArguments]) -> VariantChoice:
        """Chooses what to install of a model for the server's machine, as a download does, and
        says why."""
        return self._connection.call(self._stub.ChooseVariant, requests.choose(source, wanted))

    def categories(self, hub: Hub | None = None) -> Categories:
        """Gets the kinds of models that the server has synced, the most frequent first."""
        request = filled(ListHubCategoriesRequest, "", _named(hub))
        response = self._connection.call(self._stub.ListHubCategories, request)
        return [*response.categories]

    def trending(self, hub: Hub | None = None, *, limit: int = 0) -> ListTrendingModelsResponse:
        """Gets the models that are in demand, at most `limit`; 0: the server's number."""
        request = filled(ListTrendingModelsRequest, "", {"limit": limit, **_named(hub)})
        return self._connection.call(self._stub.ListTrendingModels, request)

    def statistics(self) -> HubStatistics:
        """Counts what the server has synced."""
        return self._connection.call(self._stub.GetHubStatistics, GetHubStatisticsRequest())

    def sync(self, hub: Hub | None = None, *, limit: int = 0) -> EventStream[SyncHubsEvent]:
        """Refreshes what searches without a hub find, and tells how far it is; has no timeout.

        Of each hub at most `limit` models; 0: the server's number.
        """
        request = filled(SyncHubsRequest, "", {"limit": limit, **_named(hub)})
        return self._connection.stream(self._stub.SyncHubs, request, endless=True)

    def favorites(self, hub: Hub | None = None) -> Favorites:
        """Gets every favorite, the newest first."""
        favorites: Favorites = []
        request = filled(ListFavoritesRequest, "", _named(hub))
        while True:
            page = self._connection.call(self._stub.ListFavorites, request)
            favorites.extend(page.favorites)
            if not page.next_page_token:
                return favorites
            request.page_token = page.next_page_token

    def add_favorite(self, model_id: str, hub: Hub | None = None) -> Favorite:
        """Makes a hub's model a favorite; one that is one stays as it is."""
        request = filled(AddFavoriteRequest, "", {"model_id": model_id, **_named(hub)})
        return self._connection.call(self._stub.AddFavorite, request)

    def remove_favorite(self, model_id: str, hub: Hub | None = None) -> None:
        """Makes a hub's model no favorite any more; one that is none is no error."""
        request = filled(RemoveFavoriteRequest, "", {"model_id": model_id, **_named(hub)})
        self._connection.call(self._stub.RemoveFavorite, request)


def _named(hub: Hub | None) -> dict[str, str]:
    return {} if hub is None else {"hub": hub}
