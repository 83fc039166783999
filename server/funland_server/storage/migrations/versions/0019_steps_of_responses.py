"""What was said before an answer: calls that the server made, and their results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Gives responses a place for it."""
    op.add_column("responses", sa.Column("step_messages", sa.LargeBinary))
