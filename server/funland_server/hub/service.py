"""`funland.v1.HubService`: the hubs, and what is known of them here."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf.empty_pb2 import Empty

from funland.v1 import hub_pb2
from funland_server.hub.catalog.marking import Marking
from funland_server.hub.catalog.overview import Overview
from funland_server.hub.catalog.syncing import Syncing
from funland_server.hub.choice.choosing import Choosing
from funland_server.hub.details import Details
from funland_server.hub.search.searching import Searching


class HubService:
    """Answers the RPCs of `HubService`; see `hub.proto`."""

    def __init__(
        self,
        overview: Overview,
        searching: Searching,
        details: Details,
        *,
        choosing: Choosing,
        syncing: Syncing,
        marking: Marking,
    ) -> None:
        self._overview = overview
        self._searching = searching
        self._details = details
        self._choosing = choosing
        self._syncing = syncing
        self._marking = marking

    async def ListHubs(self, request: hub_pb2.ListHubsRequest) -> hub_pb2.ListHubsResponse:
        """See `hub.proto`."""
        return hub_pb2.ListHubsResponse(hubs=await self._overview.hubs())

    async def SearchHubModels(
        self, request: hub_pb2.SearchHubModelsRequest
    ) -> hub_pb2.SearchHubModelsResponse:
        """See `hub.proto`."""
        return await self._searching.search(request)

    async def GetHubModel(self, request: hub_pb2.GetHubModelRequest) -> hub_pb2.HubModel:
        """See `hub.proto`."""
        return await self._details.get(request)

    async def ChooseVariant(self, request: hub_pb2.ChooseVariantRequest) -> hub_pb2.VariantChoice:
        """See `hub.proto`."""
        return await self._choosing.choose(request)

    async def ListHubCategories(
        self, request: hub_pb2.ListHubCategoriesRequest
    ) -> hub_pb2.ListHubCategoriesResponse:
        """See `hub.proto`."""
        categories = await self._overview.categories(request.hub)
        return hub_pb2.ListHubCategoriesResponse(categories=categories)

    async def ListTrendingModels(
        self, request: hub_pb2.ListTrendingModelsRequest
    ) -> hub_pb2.ListTrendingModelsResponse:
        """See `hub.proto`."""
        return await self._searching.trending(request)

    async def GetHubStatistics(
        self, request: hub_pb2.GetHubStatisticsRequest
    ) -> hub_pb2.HubStatistics:
        """See `hub.proto`."""
        return await self._overview.statistics()

    def SyncHubs(self, request: hub_pb2.SyncHubsRequest) -> AsyncGenerator[hub_pb2.SyncHubsEvent]:
        """See `hub.proto`."""
        return self._syncing.sync(request)

    async def ListFavorites(
        self, request: hub_pb2.ListFavoritesRequest
    ) -> hub_pb2.ListFavoritesResponse:
        """See `hub.proto`."""
        return await self._marking.page(request)

    async def AddFavorite(self, request: hub_pb2.AddFavoriteRequest) -> hub_pb2.Favorite:
        """See `hub.proto`."""
        return await self._marking.add(request)

    async def RemoveFavorite(self, request: hub_pb2.RemoveFavoriteRequest) -> Empty:
        """See `hub.proto`."""
        await self._marking.remove(request.hub, request.model_id)
        return Empty()
