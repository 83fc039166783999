"""Tells people of models on the hubs, and how far what is told can be relied on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.hub_pb2 import HubFailure, HubInfo, HubModel, SearchHubModelsResponse
from funland_cli.output import quantity, size, span
from funland_cli.views import format_of, hub_name

COLUMNS: Final = (
    *("MODEL", "HUB", "FORMATS", ">SIZE", ">DOWNLOADS", ">LIKES", "UPDATED", "NOTES"),
)
HUB_COLUMNS: Final = ("HUB", "ENDPOINT", "MIRRORS", "TOKEN", "SEARCH", ">KNOWN", "SYNCED")


def row(model: HubModel) -> tuple[str, ...]:
    """A model in a list of them; what the hub does not tell is empty."""
    updated = model.update_time.ToDatetime(tzinfo=UTC) if model.HasField("update_time") else None
    return (
        model.model_id,
        hub_name(model.hub),
        ", ".join(filter(None, (format_of(value) for value in model.formats))),
        size(model.size_bytes),
        _count(model.downloads) if model.HasField("downloads") else "",
        _count(model.likes) if model.HasField("likes") else "",
        f"{updated:%Y-%m-%d}" if updated else "",
        ", ".join(_notes(model)),
    )


def answered(found: SearchHubModelsResponse, skipped: int, now: datetime) -> Iterator[str]:
    """What a search's table does not say: which hubs failed, how old it is, what more there is."""
    if not found.models:
        yield "No model found."
    for failure in found.failures:
        yield failed(failure)
    if found.HasField("catalog_time"):
        age = _ago(found.catalog_time, now)
        yield f"The oldest of it was learnt {age}. To refresh it: funland hubs sync"
    if found.next_page_token:
        shown = skipped + len(found.models)
        number = f"{found.total_size - shown} " if found.HasField("total_size") else ""
        yield f"For {number}more: --skip {shown}"


def failed(failure: HubFailure) -> str:
    """Which hub gave nothing, and why."""
    return f"{hub_name(failure.hub) or 'A hub'} gave nothing: {failure.error.message}"


def hub_row(hub: HubInfo, now: datetime) -> tuple[str, ...]:
    """A hub in a list of them."""
    return (
        hub.display_name or hub_name(hub.hub),
        hub.endpoint,
        ", ".join(hub.mirrors),
        "yes" if hub.has_token else "no",
        "yes" if hub.searchable else "by name only",
        _count(hub.catalog_models),
        _ago(hub.catalog_time, now) if hub.HasField("catalog_time") else "never",
    )


def _ago(time: Timestamp, now: datetime) -> str:
    return f"{span(max((now - time.ToDatetime(tzinfo=UTC)).total_seconds(), 0))} ago"


def _count(count: int) -> str:
    return quantity(count) or "0"


def _notes(model: HubModel) -> Iterator[str]:
    if model.installed_model_ids:
        yield f"installed as {', '.join(model.installed_model_ids)}"
    if model.favorite:
        yield "favorite"
    if model.gated:
        yield "needs a token"
