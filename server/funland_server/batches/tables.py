"""The table of batches, as the migrations make it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, text

from funland_server.batches.deciding import ENDED
from funland_server.storage.any_text import AnyText
from funland_server.storage.schema import schema

unended: Final = text(f"state NOT IN ({', '.join(map(str, sorted(ENDED)))})")
"""Whether a batch of a row has not ended, in the words of the index for it."""

batches = Table(
    "batches",
    schema,
    Column("batch_id", AnyText, primary_key=True),
    # Which home has its lines: servers may share a database.
    Column("home_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    # funland.v1.Batch.State.
    Column("state", Integer, nullable=False),
    # funland.v1.CreateBatchRequest.
    Column("request", LargeBinary, nullable=False),
    # funland.v1.Batch.
    Column("batch", LargeBinary, nullable=False),
    Index("batches_by_time", "create_time", "batch_id"),
    Index("batches_by_task", "task_id", unique=True),
    # PostgreSQL's is as partial, by its revision: who says so here imports that dialect.
    Index("batches_unended", "home_id", sqlite_where=unended),
)
