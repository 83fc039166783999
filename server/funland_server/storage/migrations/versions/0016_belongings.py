"""What belongs to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Makes the table of belongings."""
    op.create_table(
        "belongings",
        sa.Column("thing", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("thing_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
    )
    op.create_index("belongings_of_users", "belongings", ["user_id", "thing", "thing_id"])
