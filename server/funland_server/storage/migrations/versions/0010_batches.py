"""Batches: many requests in a file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Makes the table of batches."""
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Text, primary_key=True),
        # Which home has its lines: servers may share a database.
        sa.Column("home_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        # funland.v1.Batch.State.
        sa.Column("state", sa.Integer, nullable=False),
        # funland.v1.CreateBatchRequest.
        sa.Column("request", sa.LargeBinary, nullable=False),
        # funland.v1.Batch.
        sa.Column("batch", sa.LargeBinary, nullable=False),
    )
    op.create_index("batches_by_time", "batches", ["create_time", "batch_id"])
    op.create_index("batches_by_task", "batches", ["task_id"], unique=True)
    few = sa.text("state NOT IN (4, 5, 6, 8)")
    op.create_index(
        "batches_unended", "batches", ["home_id"], sqlite_where=few, postgresql_where=few
    )
