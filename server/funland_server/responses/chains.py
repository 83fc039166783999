"""Conversations in the database: a response, the one before it, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, literal, select

from funland.v1.inference_pb2 import ChatRequest, Message
from funland.v1.responses_pb2 import ListResponseInputResponse, Response
from funland_server.errors import FieldInvalidError, Violation
from funland_server.responses.errors import ResponseNotFoundError
from funland_server.responses.tables import AnyRow, responses
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

LONGEST_CHAIN: Final = 1024
"""How many responses one answer may look back on."""
LARGEST_CHAIN: Final = 16 * 1024**2
"""How many bytes their messages may have together."""

_COMPLETE: Final = (Response.COMPLETED, Response.INCOMPLETE)


async def history(database: Database, response_id: str) -> list[Message]:
    """All that was said until a response, itself included, the oldest first.

    Raises:
        ResponseNotFoundError: It is not kept. One before it that is not kept ends the chain.
        FieldInvalidError: It has no answer, or not yet. Or the chain is longer than LONGEST_CHAIN
            or larger than LARGEST_CHAIN.
    """
    size = (
        func.length(responses.c.input)
        + func.length(responses.c.output)
        + func.coalesce(func.length(responses.c.step_messages), 0)
    )
    columns = (
        responses.c.response_id, responses.c.follows, responses.c.state, responses.c.input,
        responses.c.output, responses.c.step_messages,
    )  # fmt: skip
    chain = (
        select(*columns, size.label("size"), literal(1).label("length"))
        .where(responses.c.response_id == response_id)
        .cte("chain", recursive=True)
    )
    # It stops one response beyond a limit, so that the limit can be seen to be passed.
    chain = chain.union_all(
        select(*columns, chain.c.size + size, chain.c.length + 1).where(
            responses.c.response_id == chain.c.follows,
            chain.c.length <= LONGEST_CHAIN,
            chain.c.size <= LARGEST_CHAIN,
        )
    )

    async def find(connection: AsyncConnection) -> tuple[Sequence[AnyRow], set[str]]:
        rows = (await connection.execute(select(chain).order_by(chain.c.length.desc()))).all()
        return rows, await _continued(connection, rows)

    rows, continued = await database.read(find)
    if not rows:
        raise ResponseNotFoundError(response_id)
    if (state := rows[-1].state) not in _COMPLETE:
        raise _cannot_be_followed(f"is {Response.State.Name(state)}: it has no answer to follow")
    if rows[0].length > LONGEST_CHAIN:
        raise _cannot_be_followed(f"follows more than {LONGEST_CHAIN} responses")
    if rows[0].size > LARGEST_CHAIN:
        raise _cannot_be_followed(f"follows responses of more than {LARGEST_CHAIN} bytes")
    return [message for row in rows for message in _said(row, row.response_id in continued)]


async def _continued(connection: AsyncConnection, rows: Sequence[AnyRow]) -> set[str]:
    """Which responses go on with the last message of what they answer."""
    # Few end with a message of the model, and only the whole response tells what was asked for.
    perhaps = [row.response_id for row in rows if _ends_with_answer(row)]
    if not perhaps:
        return set()
    found = await connection.execute(
        select(responses.c.response_id, responses.c.response).where(
            responses.c.response_id.in_(perhaps)
        )
    )
    return {row.response_id for row in found if _asked(row).continue_last}


def _ends_with_answer(row: AnyRow) -> bool:
    messages = ListResponseInputResponse.FromString(row.input).messages
    return bool(messages) and messages[-1].role == Message.ASSISTANT


def _asked(row: AnyRow) -> ChatRequest:
    return Response.FromString(row.response).request


def _said(row: AnyRow, continued: bool) -> list[Message]:
    messages = ListResponseInputResponse.FromString(row.input).messages
    between = ListResponseInputResponse.FromString(row.step_messages or b"").messages
    said = [*between, Message.FromString(row.output)]
    if continued:
        begun = messages.pop()
        said[0].content = begun.content + said[0].content
        said[0].reasoning = begun.reasoning + said[0].reasoning
    return [*messages, *said]


def _cannot_be_followed(description: str) -> FieldInvalidError:
    return FieldInvalidError([Violation("previous_response_id", description)])
