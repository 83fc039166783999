"""Models of the hubs: search, details, kinds, ranking, statistics, favorites, sync."""

from __future__ import annotations

from typing import Any, Final

from funland.v1 import hub_pb2
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import Origin
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.manager.answers import PAGE, PAGE_SIZE, done, paged, skipped
from funland_gateway.dialects.manager.errors import SOURCE, error_code
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.query import one_of, text, whole_number
from funland_gateway.dialects.rpcs import (
    ADD_FAVORITE,
    GET_HUB_MODEL,
    GET_HUB_STATISTICS,
    LIST_HUB_CATEGORIES,
    LIST_TRENDING_MODELS,
    REMOVE_FAVORITE,
    SEARCH_HUB_MODELS,
    SYNC_HUBS,
)
from funland_gateway.dialects.sizes import gigabytes, weights
from funland_gateway.dialects.sources import HUBS, hub_name
from funland_gateway.dialects.times import moment
from funland_gateway.failures import CallFailed, failure

QUERY: Final = text("query", "Words that the name, owner, description or tags hold.")
HUB: Final = one_of(
    SOURCE,
    "The hub. Without it all, or the first that has the model.",
    HUBS,
    Origin.HUB_UNSPECIFIED,
)
MODEL_TYPE: Final = text("model_type", "The kind by the hub's name, such as `text-generation`.")
LIMIT: Final = whole_number("limit", "At most this many.", 1, 50, 10)

_MOST_SKIPPED: Final = 10_000
_NAMES: Final = {"hub": SOURCE, "skip": PAGE.name}


def search_models(incoming: Incoming) -> Unary:
    """Asks for a page of models."""
    request = hub_pb2.SearchHubModelsRequest(
        query=QUERY.of(incoming.query),
        hub=HUB.of(incoming.query),
        model_type=MODEL_TYPE.of(incoming.query),
        page_size=PAGE_SIZE.of(incoming.query),
        skip=skipped(incoming, _MOST_SKIPPED),
    )

    def answer(found: hub_pb2.SearchHubModelsResponse) -> Reply:
        total = optional(found, "total_size")
        items = [_model(model) for model in found.models]
        return done(incoming, paged(incoming, items, total, more=bool(found.next_page_token)))

    return Unary(SEARCH_HUB_MODELS, request, answer, _field_name)


def get_model(incoming: Incoming) -> Unary:
    """Asks for all that a hub tells of a model."""
    request = hub_pb2.GetHubModelRequest(
        hub=HUB.of(incoming.query), model_id=incoming.path["model_id"]
    )

    def answer(model: hub_pb2.HubModel) -> Reply:
        sized = model.HasField("size_bytes")
        details = {
            "size_gb": gigabytes(model.size_bytes) if sized else None,
            "created_at": moment(model, "create_time"),
            "updated_at": moment(model, "update_time"),
        }
        return done(incoming, {**_model(model), **details})

    return Unary(GET_HUB_MODEL, request, answer, _field_name)


def list_categories(incoming: Incoming) -> Unary:
    """Asks for the kinds of models."""

    def answer(found: hub_pb2.ListHubCategoriesResponse) -> Reply:
        return done(incoming, {"categories": _categories(found)})

    request = hub_pb2.ListHubCategoriesRequest(hub=HUB.of(incoming.query))
    return Unary(LIST_HUB_CATEGORIES, request, answer, _field_name)


def list_trending(incoming: Incoming) -> Unary:
    """Asks for the models in demand."""
    request = hub_pb2.ListTrendingModelsRequest(
        hub=HUB.of(incoming.query), limit=LIMIT.of(incoming.query)
    )

    def answer(found: hub_pb2.ListTrendingModelsResponse) -> Reply:
        return done(incoming, {"items": [_model(model) for model in found.models]})

    return Unary(LIST_TRENDING_MODELS, request, answer, _field_name)


def get_statistics(incoming: Incoming) -> Unary:
    """Asks what the local catalog holds."""

    def answer(found: hub_pb2.HubStatistics) -> Reply:
        data = {
            "total_models": found.models,
            "total_downloads": found.downloads,
            "favorites": found.favorites,
            "installed": found.installed,
            "sources": [_hub(hub) for hub in found.hubs],
            "categories": _categories(found),
        }
        return done(incoming, data)

    return Unary(GET_HUB_STATISTICS, hub_pb2.GetHubStatisticsRequest(), answer)


def add_favorite(incoming: Incoming) -> Unary:
    """Makes a model a favorite."""
    request = hub_pb2.AddFavoriteRequest(
        hub=HUB.of(incoming.query), model_id=incoming.path["model_id"]
    )

    def answer(favorite: hub_pb2.Favorite) -> Reply:
        data = {
            "model_id": favorite.model.model_id,
            "source": hub_name(favorite.model.hub),
            "is_favorite": True,
            "created_at": moment(favorite, "create_time"),
        }
        return done(incoming, data)

    return Unary(ADD_FAVORITE, request, answer, _field_name)


def remove_favorite(incoming: Incoming) -> Unary:
    """Makes a model no favorite any more."""
    model_id = incoming.path["model_id"]
    request = hub_pb2.RemoveFavoriteRequest(hub=HUB.of(incoming.query), model_id=model_id)

    def answer(_: object) -> Reply:
        return done(incoming, {"model_id": model_id, "is_favorite": False})

    return Unary(REMOVE_FAVORITE, request, answer, _field_name)


def sync(incoming: Incoming) -> Unary:
    """Refreshes the local catalog; answers when it is done, and fails if no hub could be asked."""

    def answer(events: list[hub_pb2.SyncHubsEvent]) -> Reply:
        failures = [event.failure for event in events if event.HasField("failure")]
        if not events or not events[-1].HasField("finish"):
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The sync ended half-way.")
        finish = events[-1].finish
        if failures and not finish.hubs:
            raise CallFailed(failures[0].error)
        data = {
            "models": finish.models,
            "added": finish.added,
            "sources": [_hub(hub) for hub in finish.hubs],
            "failures": [
                {
                    "source": hub_name(failed.hub),
                    "error": error_code(failed.error),
                    "message": failed.error.message,
                }
                for failed in failures
            ],
        }
        return done(incoming, data)

    return Unary(SYNC_HUBS, hub_pb2.SyncHubsRequest(), answer)


def _field_name(path: str) -> str:
    return _NAMES.get(path, path)


def _model(model: hub_pb2.HubModel) -> dict[str, Any]:
    count = optional(model, "parameter_count")
    return {
        "id": model.model_id,
        "name": model.display_name or model.model_id.rpartition("/")[2],
        "description": model.description or None,
        "model_type": model.model_type or None,
        "source": hub_name(model.hub),
        "parameters": None if count is None else weights(count),
        "downloads": optional(model, "downloads"),
        "likes": optional(model, "likes"),
        "tags": list(model.tags),
        "is_favorite": model.favorite,
        "is_downloaded": bool(model.installed_model_ids),
    }


def _hub(hub: hub_pb2.HubInfo) -> dict[str, Any]:
    return {
        "source": hub_name(hub.hub),
        "models": hub.catalog_models,
        "synced_at": moment(hub, "catalog_time"),
    }


def _categories(
    found: hub_pb2.ListHubCategoriesResponse | hub_pb2.HubStatistics,
) -> list[dict[str, Any]]:
    return [{"name": each.name, "count": each.models} for each in found.categories]
