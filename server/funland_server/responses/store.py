"""Responses in the database: kept, found, changed and forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import delete, insert, select, update

from funland.v1.inference_pb2 import Message
from funland.v1.responses_pb2 import (
    ListResponseInputResponse,
    ListResponsesRequest,
    ListResponsesResponse,
    Response,
)
from funland_server.belonging import rows
from funland_server.belonging.rows import Thing
from funland_server.live import Live
from funland_server.responses import chains, pages
from funland_server.responses.errors import ResponseNotFoundError
from funland_server.responses.tables import (
    AnyRow,
    response_metadata,
    responses,
    unfinished,
    values,
    whole,
)
from funland_server.storage import owners
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_DAY: Final = 24 * 3600 * 10**6  # in microseconds

_id, _follows = responses.c.response_id, responses.c.follows


@dataclass(frozen=True, slots=True)
class ResponseStore:
    """The responses that are kept. What writes raises StorageFullError where the disk is full."""

    database: Database
    keep_days: Live[int]
    """After so many days a response is forgotten."""
    home_id: str
    """Whose server makes those that it adds."""

    async def add(self, response: Response, messages: list[Message]) -> None:
        """Keeps a response and the messages that it answers. It is on the disk on return; for a
        caller that is cancelled meanwhile it is not kept."""
        row = {
            **values(response),
            "home_id": self.home_id,
            "follows": response.previous_response_id or None,
            "input": ListResponseInputResponse(messages=messages).SerializeToString(),
        }
        oldest = time.time_ns() // 1000 - self.keep_days.now * _DAY

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(insert(responses).values(row))
            await _index(connection, response.response_id, response.metadata)
            await rows.keep(connection, self.database.dialect, Thing.RESPONSE, response.response_id)
            await connection.execute(delete(responses).where(responses.c.create_time < oldest))

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(delete(responses).where(_id == response.response_id))
            await rows.drop(connection, Thing.RESPONSE, [response.response_id])

        await self.database.write(insert_it, give_back=take_it_back)

    async def save(self, changed: Iterable[Response]) -> None:
        """Writes responses anew, all or none, but for their metadata: what `update` wrote stays.
        One that is not kept any more stays forgotten. To save twice is no error."""

        # In one order, so that nobody waits for who waits for them.
        in_order = sorted(changed, key=lambda response: response.response_id)

        async def write_all(connection: AsyncConnection) -> None:
            for response in in_order:
                found = await connection.execute(
                    select(responses.c.response)
                    .where(_id == response.response_id)
                    .with_for_update()
                )
                if (head := found.scalar_one_or_none()) is not None:
                    await _write(connection, response, Response.FromString(head).metadata)

        await self.database.write(write_all)

    async def get(self, response_id: str) -> Response:
        """A response; raises ResponseNotFoundError."""
        return whole(await self._row(response_id))

    async def left(self, *, starts: bool) -> list[Response]:
        """The responses that are not made to their end, and that nobody makes any more, for a
        server that starts or for one that runs; see `storage.owners`."""
        is_left = owners.left_at_start if starts else owners.left_by_others
        row = responses.c
        which = is_left(self.home_id, row.home_id, row.create_time, owners.now())

        async def find(connection: AsyncConnection) -> list[Response]:
            found = await connection.execute(
                select(row.output, row.response, row.step_messages).where(unfinished, which)
            )
            return [whole(row) for row in found]

        return await self.database.read(find)

    async def cancel_elsewhere(self, response_id: str) -> None:
        """Marks a response as CANCELLED that another home's server makes, for that to see it."""

        async def write(connection: AsyncConnection) -> None:
            theirs = responses.c.home_id.not_in(("", self.home_id))
            found = await connection.execute(
                select(responses).where(_id == response_id, unfinished, theirs).with_for_update()
            )
            if (row := found.one_or_none()) is not None:
                response = whole(row)
                response.state = Response.CANCELLED
                await _write(connection, response, dict(response.metadata))

        await self.database.write(write)

    async def cancelled(self, response_ids: Sequence[str]) -> list[str]:
        """Those that are CANCELLED."""

        async def find(connection: AsyncConnection) -> list[str]:
            which = (_id.in_(response_ids), responses.c.state == Response.CANCELLED)
            return list((await connection.execute(select(_id).where(*which))).scalars())

        return await self.database.read(find)

    async def page(self, request: ListResponsesRequest) -> ListResponsesResponse:
        """See `pages.page`."""
        return await pages.page(self.database, request)

    async def input(self, response_id: str) -> ListResponseInputResponse:
        """The messages that a response answers; raises ResponseNotFoundError."""
        row = await self._row(response_id)
        return ListResponseInputResponse.FromString(row.input)

    async def history(self, response_id: str) -> list[Message]:
        """See `chains.history`."""
        return await chains.history(self.database, response_id)

    async def update(self, response_id: str, metadata: Mapping[str, str]) -> Response:
        """Replaces a response's metadata; raises ResponseNotFoundError."""

        async def replace(connection: AsyncConnection) -> Response:
            found = await connection.execute(
                select(responses).where(_id == response_id).with_for_update()
            )
            row = found.one_or_none()
            if row is None:
                raise ResponseNotFoundError(response_id)
            response = whole(row)
            await _write(connection, response, metadata)
            await connection.execute(
                delete(response_metadata).where(response_metadata.c.response_id == response_id)
            )
            await _index(connection, response_id, metadata)
            return response

        return await self.database.write(replace)

    async def remove(self, response_id: str) -> None:
        """Forgets a response; those after it follow the one before it.

        Raises:
            ResponseNotFoundError: It is not kept.
        """

        async def take_out(connection: AsyncConnection) -> None:
            found = await connection.execute(
                delete(responses).where(_id == response_id).returning(_follows)
            )
            row = found.one_or_none()
            if row is None:
                raise ResponseNotFoundError(response_id)
            await rows.drop(connection, Thing.RESPONSE, [response_id])
            # One after it that is being removed at the same time gives its place to the next: so
            # until there is none.
            after = select(_id).where(_follows == response_id).limit(1)
            while (await connection.execute(after)).first():
                await connection.execute(
                    update(responses).where(_follows == response_id).values(follows=row.follows)
                )

        await self.database.write(take_out)

    async def _row(self, response_id: str) -> AnyRow:
        row = await self.database.read(partial(_row, response_id=response_id))
        if row is None:
            raise ResponseNotFoundError(response_id)
        return row


async def _row(connection: AsyncConnection, response_id: str) -> AnyRow | None:
    found = await connection.execute(select(responses).where(_id == response_id))
    return found.one_or_none()


async def _write(
    connection: AsyncConnection, response: Response, metadata: Mapping[str, str]
) -> None:
    """Writes a response anew, with this metadata."""
    response.ClearField("metadata")
    response.metadata.update(metadata)
    columns = values(response)
    await connection.execute(
        update(responses).where(_id == columns.pop("response_id")).values(columns)
    )


async def _index(
    connection: AsyncConnection, response_id: str, metadata: Mapping[str, str]
) -> None:
    """Lets a response be found by its metadata."""
    rows = [
        {"response_id": response_id, "name": name, "value": value}
        for name, value in metadata.items()
    ]
    if rows:
        await connection.execute(insert(response_metadata), rows)
