"""What every answer of the `manager` dialect is put into, and its pages."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from funland_gateway.dialects.dialect import Incoming, JsonSchema, Reply, json_reply
from funland_gateway.dialects.query import Parameter, whole_number
from funland_gateway.dialects.reading import invalid
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    described,
    object_with,
)
from funland_gateway.dialects.times import utc

_LONGEST_PAGE: Final = 100

PAGE: Final = whole_number("page", "Which page, from 1.", 1, 2**31 - 1, 1)

PAGE_SIZE: Final = whole_number("page_size", "How many a page.", 1, _LONGEST_PAGE, 20)

PAGING: Final[tuple[Parameter[Any], ...]] = (PAGE, PAGE_SIZE)


def done(incoming: Incoming, data: object, message: str = "Success") -> Reply:
    """A success at the time of the request."""
    return json_reply(
        {
            "success": True,
            "message": message,
            "data": data,
            "code": HTTPStatus.OK,
            "timestamp": utc(incoming.time),
        }
    )


def done_schema(data: JsonSchema) -> JsonSchema:
    """The schema of a success."""
    return object_with(
        {
            "success": BOOLEAN,
            "message": STRING,
            "data": data,
            "code": INTEGER,
            "timestamp": described(TIME, "When the request came."),
        }
    )


def skipped(incoming: Incoming, most: int) -> int:
    """How many there are before the page that is asked for; raises `CallFailed` for over `most`."""
    before = (PAGE.of(incoming.query) - 1) * PAGE_SIZE.of(incoming.query)
    if before > most:
        raise invalid(PAGE.name, f"is beyond the first {most}: ask for less, or for larger pages")
    return before


def paged(
    incoming: Incoming, items: Sequence[object], total: int | None, *, more: bool
) -> dict[str, Any]:
    """A page and its place; a `total` that is not known is None."""
    page, page_size = PAGE.of(incoming.query), PAGE_SIZE.of(incoming.query)
    return {
        "items": items,
        "pagination": {
            "page": page,
            "page_size": page_size,
            "total": total,
            "total_pages": None if total is None else -(-total // page_size),
            "has_next": more,
            "has_prev": page > 1,
        },
    }
