"""Searches hubs at once, and the local catalog for those that can't be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.hub_pb2 import (
    HubFailure,
    HubModel,
    ListTrendingModelsRequest,
    ListTrendingModelsResponse,
    SearchHubModelsRequest,
    SearchHubModelsResponse,
)
from funland.v1.models_pb2 import Model
from funland_server.errors import FunlandError, NotFoundError
from funland_server.hub.catalog.entries import Entry, key_of
from funland_server.hub.catalog.store import Asked, Catalog
from funland_server.hub.choice.ranking import all_variants
from funland_server.hub.clients.protocol import Hub, Wanted
from funland_server.hub.errors import HubModelUnsupportedError
from funland_server.hub.hubs import Hubs
from funland_server.hub.knowledge import Knowledge
from funland_server.hub.names import complaint
from funland_server.hub.presenting import Presenting
from funland_server.hub.search.pages import Place, Progress, progress_of, token_of
from funland_server.hub.search.streams import Stream, taken_in_turn
from funland_server.hub.together import as_one

_PAGE: Final = 20
_TRENDING: Final = 10
_LARGEST_PAGE: Final = 100


class Searching:
    """Finds models."""

    def __init__(
        self, hubs: Hubs, catalog: Catalog, knowledge: Knowledge, presenting: Presenting
    ) -> None:
        self._hubs = hubs
        self._catalog = catalog
        self._knowledge = knowledge
        self._presenting = presenting

    async def search(self, request: SearchHubModelsRequest) -> SearchHubModelsResponse:
        """See `HubService.SearchHubModels`."""
        hubs = self._hubs.checked(request.hub)
        size = request.page_size or _PAGE
        skip = 0 if request.page_token else request.skip
        if request.page_token:
            progress = progress_of(request)
        else:
            page = min(max(size, skip), _LARGEST_PAGE)
            local = {hub.kind: request.local or not hub.searchable for hub in hubs}
            progress = Progress(page, {kind: Place(local=at) for kind, at in local.items()})
        streams = [
            self._stream(hub, request, progress.places[hub.kind], progress.page)
            for hub in hubs
            if hub.kind in progress.places
        ]
        _, failures = await asyncio.gather(
            self._fill([one for one in streams if one.hub.searchable]),
            self._ask_by_name([one.hub for one in streams], request),
        )
        await taken_in_turn(streams, skip)
        models = await taken_in_turn(streams, size)
        failures += [(one.hub, one.error) for one in streams if one.error is not None]
        await self._check(failures, streams, models or request.page_token)
        places = {one.hub.kind: one.place for one in streams if one.has_more}
        entries = await self._knowledge.with_files(models) if request.with_files else None
        totals = [one.total for one in streams]
        return SearchHubModelsResponse(
            models=await self._presenting.models(models, entries),
            next_page_token=token_of(Progress(progress.page, places), request),
            total_size=None if None in totals else sum(total or 0 for total in totals),
            catalog_time=_oldest(streams),
            failures=[_failure(hub, error) for hub, error in failures],
        )

    async def trending(self, request: ListTrendingModelsRequest) -> ListTrendingModelsResponse:
        """See `HubService.ListTrendingModels`."""
        count = request.limit or _TRENDING
        streams = [
            Stream(
                hub, self._catalog, Wanted(trending=True), Asked(hubs=(hub.kind,)),
                Place(local=not hub.searchable), count,
            )
            for hub in self._hubs.checked(request.hub)
        ]  # fmt: skip
        await self._fill(streams)
        models = await taken_in_turn(streams, count)
        failures = [(one.hub, one.error) for one in streams if one.error is not None]
        await self._check(failures, streams, models)
        return ListTrendingModelsResponse(
            models=await self._presenting.models(models),
            catalog_time=_oldest(streams),
            failures=[_failure(hub, error) for hub, error in failures],
        )

    async def _fill(self, streams: Sequence[Stream]) -> None:
        """Asks all hubs at the same time."""
        await asyncio.gather(*(stream.fill() for stream in streams))

    def _stream(self, hub: Hub, request: SearchHubModelsRequest, place: Place, page: int) -> Stream:
        wanted = Wanted(
            request.query, request.owner, request.model_type, request.format, request.sort
        )
        asked = Asked(
            request.query, (hub.kind,), request.format, request.quantization, request.model_type,
            request.owner, request.sort,
        )  # fmt: skip

        async def quantized(models: Sequence[HubModel]) -> list[int]:
            entries = await self._knowledge.with_files(models)
            told = [entries.get(key_of(model)) for model in models]
            return [n for n, one in enumerate(told) if one and _has(one, request.quantization)]

        pick = quantized if request.quantization else None
        return Stream(hub, self._catalog, wanted, asked, place, page, pick)

    async def _ask_by_name(
        self, hubs: Sequence[Hub], request: SearchHubModelsRequest
    ) -> list[tuple[Hub, FunlandError]]:
        """Has hubs without a search told of the model that has the very name which is searched
        for: the local catalog finds it then."""
        name = request.query.strip()
        other_format = request.format not in (Model.FORMAT_UNSPECIFIED, Model.GGUF)
        if request.local or request.page_token or not name or other_format:
            return []
        failures: list[tuple[Hub, FunlandError]] = []
        for hub in hubs:
            if hub.searchable or complaint(hub.kind, name):
                continue
            try:
                told = await self._knowledge.tell([hub], name, "")
            except (NotFoundError, HubModelUnsupportedError):
                continue
            except FunlandError as error:
                failures.append((hub, error))
            else:
                if told.error is not None:
                    failures.append((hub, told.error))
        return failures

    async def _check(
        self,
        failures: Sequence[tuple[Hub, FunlandError]],
        streams: Sequence[Stream],
        anything: object,
    ) -> None:
        """Raises why where all hubs failed, and nothing is known of them."""
        failed = {hub.kind for hub, _ in failures}
        asked = {one.hub.kind for one in streams if one.hub.searchable}
        if failures and not anything and asked <= failed:
            known = await self._catalog.counts()
            if failed.isdisjoint(known):
                order = [one.hub.kind for one in streams]
                ordered = sorted(failures, key=lambda failed: order.index(failed[0].kind))
                raise as_one([error for _, error in ordered])


def _has(entry: Entry, quantization: str) -> bool:
    listing = entry.listing
    variants = all_variants(listing) if listing is not None else []
    return any(quantization.upper() in (one.name.upper(), one.quantization) for one in variants)


def _failure(hub: Hub, error: FunlandError) -> HubFailure:
    return HubFailure(hub=hub.kind, error=error.to_wire())


def _oldest(streams: Sequence[Stream]) -> Timestamp | None:
    """When the oldest was told that the local catalog gave."""
    times = [model.known_time for stream in streams for model in stream.local]
    return min(times, key=lambda time: time.ToMicroseconds(), default=None)
