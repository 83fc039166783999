"""The tables of responses, as the migrations make them, and what a row tells."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    text,
)

from funland.v1.responses_pb2 import ListResponseInputResponse, Response
from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

AnyRow = Row[*tuple[Any, ...]]

UNFINISHED: Final = (Response.IN_PROGRESS, Response.QUEUED)
"""The states of a response that is still being made."""

unfinished: Final = text(f"state IN ({', '.join(map(str, UNFINISHED))})")
"""Whether a response of a row is in one of them, in the words of the index for it: those who ask
otherwise read the whole table."""

responses = Table(
    "responses",
    schema,
    Column("response_id", AnyText, primary_key=True),
    Column("follows", AnyText),
    Column("create_time", BigInteger, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("state", Integer, nullable=False, server_default=text("2")),
    Column("collection", AnyText, nullable=False, server_default=text("''")),
    Column("model", AnyText, nullable=False, server_default=text("''")),
    Column("home_id", Text, nullable=False, server_default=text("''")),
    Column("step_messages", LargeBinary),
    Index("responses_follows", "follows"),
    # Both have all that a page is chosen by, so that it reads the rows that it gives and no others.
    Index("responses_by_time", "create_time", "response_id", "model"),
    Index("responses_by_collection", "collection", "create_time", "response_id", "model"),
    # PostgreSQL's is as partial, by its revision: who says so here imports that dialect.
    Index("responses_unfinished", "response_id", sqlite_where=unfinished),
)  # fmt: skip

response_metadata = Table(
    "response_metadata",
    schema,
    Column(
        "response_id",
        AnyText,
        ForeignKey(responses.c.response_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("name", AnyText, primary_key=True),
    Column("value", AnyText, nullable=False),
    Index("response_metadata_by_value", "name", "value", "response_id"),
)


def values(response: Response) -> dict[str, Any]:
    """What the columns have of a response, beside what it follows and answers."""
    head = Response()
    head.CopyFrom(response)
    head.ClearField("output")
    head.ClearField("step_messages")
    said = ListResponseInputResponse(messages=response.step_messages)
    return {
        "response_id": response.response_id,
        "create_time": response.create_time.ToMicroseconds(),
        "output": response.output.SerializeToString(),
        "response": head.SerializeToString(),
        "state": response.state,
        "collection": response.collection,
        "model": response.model,
        "step_messages": said.SerializeToString() or None,
    }


def whole(row: AnyRow) -> Response:
    """The response of a row."""
    response = Response.FromString(row.response)
    response.output.ParseFromString(row.output)
    if row.step_messages:
        said = ListResponseInputResponse.FromString(row.step_messages)
        response.step_messages.extend(said.messages)
    return response
