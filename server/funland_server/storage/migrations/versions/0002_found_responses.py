"""What responses are listed by, and those that are still being made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds columns to responses, and the table of their metadata."""
    # funland.v1.Response.State, by its number.
    op.add_column(
        "responses", sa.Column("state", sa.Integer, nullable=False, server_default=sa.text("2"))
    )
    for name in ("collection", "model"):
        op.add_column(
            "responses", sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))
        )
    # Both have all that a page is chosen by, so that it reads the rows that it gives and no others.
    page = ["create_time", "response_id", "model"]
    op.create_index("responses_by_time", "responses", page)
    op.create_index("responses_by_collection", "responses", ["collection", *page])
    op.drop_index("responses_create_time", "responses")
    # IN_PROGRESS and QUEUED: few at any time.
    few = sa.text("state IN (1, 5)")
    op.create_index(
        "responses_unfinished", "responses", ["response_id"],
        sqlite_where=few, postgresql_where=few,
    )  # fmt: skip
    # The metadata once more, to be searched.
    op.create_table(
        "response_metadata",
        sa.Column(
            "response_id",
            sa.Text,
            sa.ForeignKey("responses.response_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_index(
        "response_metadata_by_value", "response_metadata", ["name", "value", "response_id"]
    )
