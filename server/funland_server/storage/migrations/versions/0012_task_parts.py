"""What is done already of tasks that have many parts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Makes the table of parts."""
    op.create_table(
        "task_parts",
        sa.Column("task_id", sa.Text, primary_key=True),
        # From 0, as the work has them.
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        # funland.v1.SynthesizeResult.
        sa.Column("outcome", sa.LargeBinary, nullable=False),
    )
