"""The tokens of a search's pages: how far each hub was read, bound to what was asked."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from funland.v1.hub_pb2 import SearchHubModelsRequest
from funland_server.errors import FieldInvalidError, Violation
from funland_server.hub.clients.protocol import HubKind

_LARGEST_PAGE: Final = 100
_FURTHEST: Final = 10**6


@dataclass(slots=True)
class Place:
    """How far a hub was read."""

    cursor: str = ""
    """The hub's own, of the page that is read; empty is the first."""
    used: int = 0
    """How many models of that page were given away; of the local catalog, how many in all."""
    local: bool = False
    """Whether the local catalog answers for the hub."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search was read. A hub that has no more is not among the places."""

    page: int
    """The size of the hubs' pages, which stays the same so that they stay the same."""
    places: Mapping[HubKind, Place]


def token_of(progress: Progress, request: SearchHubModelsRequest) -> str:
    """The token with which a search goes on; empty if it is at its end."""
    if not progress.places:
        return ""
    places = {
        str(kind): [place.cursor, place.used, place.local]
        for kind, place in progress.places.items()
    }
    told = orjson.dumps([_digest(request), progress.page, places])
    return base64.urlsafe_b64encode(told).decode().rstrip("=")


def progress_of(request: SearchHubModelsRequest) -> Progress:
    """Where a search goes on; raises FieldInvalidError for a token of another one."""
    token = request.page_token
    try:
        told = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        digest, page, places = told
        if digest != _digest(request) or not 0 < page <= _LARGEST_PAGE or not places:
            raise ValueError("it belongs to another search")
        return Progress(
            page, {cast("HubKind", int(kind)): _place(one) for kind, one in places.items()}
        )
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise FieldInvalidError(
            [Violation("page_token", "is no page's of this search; leave it out to begin anew")]
        ) from None


def _place(told: Any) -> Place:
    cursor, used, local = cast("list[Any]", told)
    whole = isinstance(cursor, str) and type(used) is int and isinstance(local, bool)
    if not whole or not 0 <= used <= _FURTHEST:
        raise ValueError("it is no place")
    return Place(cursor, used, local)


def _digest(request: SearchHubModelsRequest) -> str:
    """What the pages of one search have in common."""
    same = SearchHubModelsRequest()
    same.CopyFrom(request)
    for name in ("page_token", "page_size", "skip", "with_files"):
        same.ClearField(name)
    told = same.SerializeToString(deterministic=True)
    return hashlib.sha256(told).hexdigest()[:16]
