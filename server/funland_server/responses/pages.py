"""Lists the responses in the database, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from funland.v1.responses_pb2 import ListResponsesRequest, ListResponsesResponse
from funland_server.belonging.rows import Thing, seen
from funland_server.errors import FieldInvalidError, Violation
from funland_server.responses.tables import AnyRow, response_metadata, responses, whole
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

LARGEST_PAGE: Final = 16 * 1024**2
"""A page ends early when its responses have so many bytes together, so that it can be sent."""

_PAGE_SIZE: Final = 20
# Of responses of the same microsecond, the ids decide.
_ORDER: Final = (responses.c.create_time, responses.c.response_id)


async def page(database: Database, request: ListResponsesRequest) -> ListResponsesResponse:
    """The responses that a request asks for; raises FieldInvalidError for its `page_token`."""
    return await database.read(partial(_page, request=request))


async def _page(
    connection: AsyncConnection, request: ListResponsesRequest
) -> ListResponsesResponse:
    """All of it in one state of the database."""
    after = await _place(connection, request.page_token) if request.page_token else None
    size = request.page_size or _PAGE_SIZE
    found = await connection.execute(chosen(request, after).limit(size + 1))
    candidates = found.all()
    ids = _that_fit(candidates[:size])
    found = await connection.execute(
        select(
            responses.c.response_id,
            responses.c.output,
            responses.c.response,
            responses.c.step_messages,
        ).where(responses.c.response_id.in_(ids))
    )
    rows = {row.response_id: row for row in found}
    return ListResponsesResponse(
        responses=[whole(rows[response_id]) for response_id in ids],
        next_page_token=ids[-1] if len(ids) < len(candidates) else "",
    )


async def _place(connection: AsyncConnection, response_id: str) -> tuple[int, str]:
    """Where the page begins: after this response."""
    found = await connection.execute(
        select(responses.c.create_time).where(responses.c.response_id == response_id)
    )
    create_time = found.scalar_one_or_none()
    if create_time is None:
        raise FieldInvalidError([Violation("page_token", "names no response that is kept")])
    return create_time, response_id


def chosen(
    request: ListResponsesRequest, after: tuple[int, str] | None
) -> Select[*tuple[Any, ...]]:
    """The ids and sizes of what passes the filters, in order. The indexes have all that it takes
    to choose, and a body's length stands in the row's head: no body is read."""
    size = (
        func.length(responses.c.output)
        + func.length(responses.c.response)
        + func.coalesce(func.length(responses.c.step_messages), 0)
    )
    own = seen(Thing.RESPONSE, responses.c.response_id)
    query = select(responses.c.response_id, size.label("size")).where(own)
    if request.collection:
        query = query.where(responses.c.collection == request.collection)
    if request.model:
        query = query.where(responses.c.model == request.model)
    for name, value in request.metadata.items():
        query = query.where(responses.c.response_id.in_(_with(name, value)))
    if after is not None:
        place: ColumnElement[Any] = tuple_(*_ORDER)
        query = query.where(place > after if request.ascending else place < after)
    return query.order_by(*(each.asc() if request.ascending else each.desc() for each in _ORDER))


def _with(name: str, value: str) -> Select[tuple[str]]:
    """The ids of the responses whose metadata has this."""
    return select(response_metadata.c.response_id).where(
        response_metadata.c.name == name, response_metadata.c.value == value
    )


def _that_fit(candidates: Sequence[AnyRow]) -> list[str]:
    """Those from the first that a page can hold; the first always does."""
    ids: list[str] = []
    total = 0
    for row in candidates:
        total += row.size
        if ids and total > LARGEST_PAGE:
            break
        ids.append(row.response_id)
    return ids
