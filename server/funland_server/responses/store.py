"""Responses in the database: kept, found, chained and forgotten."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from funland.v1.inference_pb2 import Message
from funland.v1.responses_pb2 import ListResponseInputResponse, Response
from funland_server.errors import FieldInvalidError, ResponseNotFoundError, Violation
from funland_server.storage.database import Database

LONGEST_CHAIN: Final = 1024
"""How many responses one answer may look back on."""
LARGEST_CHAIN: Final = 16 * 1024**2
"""How many bytes their messages may have together."""

_DAY: Final = 24 * 3600 * 10**6  # in microseconds

# As the migrations make it.
_responses = Table(
    "responses",
    MetaData(),
    Column("response_id", Text, primary_key=True),
    Column("follows", Text),
    Column("create_time", BigInteger, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
)
_id, _follows = _responses.c.response_id, _responses.c.follows


@dataclass(frozen=True, slots=True)
class ResponseStore:
    """The responses that are kept."""

    database: Database
    keep_days: int
    """After so many days a response is forgotten."""

    async def add(self, response: Response, messages: list[Message]) -> None:
        """Keeps a response and the messages that it answers. It is on the disk on return."""
        now = time.time_ns() // 1000
        head = Response()
        head.CopyFrom(response)
        head.ClearField("output")
        values = {
            "response_id": response.response_id,
            "follows": response.previous_response_id or None,
            "create_time": now,
            "input": ListResponseInputResponse(messages=messages).SerializeToString(),
            "output": response.output.SerializeToString(),
            "response": head.SerializeToString(),
        }
        async with self.database.writing() as connection:
            await connection.execute(insert(_responses).values(values))
            oldest = now - self.keep_days * _DAY
            await connection.execute(delete(_responses).where(_responses.c.create_time < oldest))

    async def get(self, response_id: str) -> Response:
        """A response; raises ResponseNotFoundError."""
        row = await self._row(response_id)
        response = Response.FromString(row.response)
        response.output.ParseFromString(row.output)
        return response

    async def input(self, response_id: str) -> ListResponseInputResponse:
        """The messages that a response answers; raises ResponseNotFoundError."""
        row = await self._row(response_id)
        return ListResponseInputResponse.FromString(row.input)

    async def history(self, response_id: str) -> list[Message]:
        """All that was said until a response, itself included, the oldest first.

        Raises:
            ResponseNotFoundError: It is not kept. One before it that is not kept ends the chain.
            FieldInvalidError: The chain is longer than LONGEST_CHAIN or larger than LARGEST_CHAIN.
        """
        size = func.length(_responses.c.input) + func.length(_responses.c.output)
        columns = (_id, _follows, _responses.c.input, _responses.c.output)
        chain = (
            select(*columns, size.label("size"), literal(1).label("length"))
            .where(_id == response_id)
            .cte("chain", recursive=True)
        )
        # It stops one response beyond a limit, so that the limit can be seen to be passed.
        chain = chain.union_all(
            select(*columns, chain.c.size + size, chain.c.length + 1).where(
                _id == chain.c.follows,
                chain.c.length <= LONGEST_CHAIN,
                chain.c.size <= LARGEST_CHAIN,
            )
        )
        async with self.database.reading() as connection:
            found = await connection.execute(select(chain).order_by(chain.c.length.desc()))
            rows = found.all()
        if not rows:
            raise ResponseNotFoundError(response_id)
        if rows[0].length > LONGEST_CHAIN:
            raise _too_long(f"follows more than {LONGEST_CHAIN} responses")
        if rows[0].size > LARGEST_CHAIN:
            raise _too_long(f"follows responses of more than {LARGEST_CHAIN} bytes")
        return [message for row in rows for message in _said(row)]

    async def remove(self, response_id: str) -> None:
        """Forgets a response; those after it follow the one before it.

        Raises:
            ResponseNotFoundError: It is not kept.
        """
        async with self.database.writing() as connection:
            found = await connection.execute(
                delete(_responses).where(_id == response_id).returning(_follows)
            )
            row = found.one_or_none()
            if row is None:
                raise ResponseNotFoundError(response_id)
            await connection.execute(
                update(_responses).where(_follows == response_id).values(follows=row.follows)
            )

    async def _row(self, response_id: str) -> Row[*tuple[object, ...]]:
        async with self.database.reading() as connection:
            found = await connection.execute(select(_responses).where(_id == response_id))
            row = found.one_or_none()
        if row is None:
            raise ResponseNotFoundError(response_id)
        return row


def _said(row: Row[*tuple[object, ...]]) -> list[Message]:
    messages = ListResponseInputResponse.FromString(row.input).messages
    return [*messages, Message.FromString(row.output)]


def _too_long(description: str) -> FieldInvalidError:
    return FieldInvalidError([Violation("previous_response_id", description)])
