"""Whose server makes what is not made to its end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the home to responses and to messages of sessions. Empty: it was not kept yet."""
    for table in ("responses", "session_messages"):
        op.add_column(
            table, sa.Column("home_id", sa.Text, nullable=False, server_default=sa.text("''"))
        )
