"""Answers that are kept, and the chains that they form."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the table of responses."""
    op.create_table(
        "responses",
        sa.Column("response_id", sa.Text, primary_key=True),
        # The response whose messages come before this one's. No foreign key: when that one is gone,
        # the chain begins here.
        sa.Column("follows", sa.Text),
        # Microseconds since 1970.
        sa.Column("create_time", sa.BigInteger, nullable=False),
        # funland.v1.ListResponseInputResponse: what the model was told.
        sa.Column("input", sa.LargeBinary, nullable=False),
        # funland.v1.Message: what it answered.
        sa.Column("output", sa.LargeBinary, nullable=False),
        # funland.v1.Response, without what it answered.
        sa.Column("response", sa.LargeBinary, nullable=False),
    )
    op.create_index("responses_follows", "responses", ["follows"])
    op.create_index("responses_create_time", "responses", ["create_time"])
