"""The tables of responses, as the migrations make them, and what a row tells."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Row, Table, Text

from funland.v1.responses_pb2 import Response

AnyRow = Row[*tuple[Any, ...]]

UNFINISHED: Final = (Response.IN_PROGRESS, Response.QUEUED)
"""The states of a response that is still being made."""

_schema = MetaData()

responses = Table(
    "responses",
    _schema,
    Column("response_id", Text, primary_key=True),
    Column("follows", Text),
    Column("create_time", BigInteger, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("state", Integer, nullable=False),
    Column("collection", Text, nullable=False),
    Column("model", Text, nullable=False),
)

response_metadata = Table(
    "response_metadata",
    _schema,
    Column("response_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


def values(response: Response) -> dict[str, Any]:
    """What the columns have of a response, beside what it follows and answers."""
    head = Response()
    head.CopyFrom(response)
    head.ClearField("output")
    return {
        "response_id": response.response_id,
        "create_time": response.create_time.ToMicroseconds(),
        "output": response.output.SerializeToString(),
        "response": head.SerializeToString(),
        "state": response.state,
        "collection": response.collection,
        "model": response.model,
    }


def whole(row: AnyRow) -> Response:
    """The response of a row."""
    response = Response.FromString(row.response)
    response.output.ParseFromString(row.output)
    return response
