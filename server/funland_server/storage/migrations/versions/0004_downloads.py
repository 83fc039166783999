"""Downloads, and where they stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the table of downloads."""
    op.create_table(
        "downloads",
        sa.Column("download_id", sa.Text, primary_key=True),
        # Whose home the files are in: servers may share a database.
        sa.Column("home_id", sa.Text, nullable=False),
        # Ascending in order of arrival.
        sa.Column("arrival", sa.BigInteger, nullable=False),
        # What is fetched, as JSON.
        sa.Column("plan", sa.LargeBinary, nullable=False),
        # funland.v1.Download, without what only one under way has.
        sa.Column("download", sa.LargeBinary, nullable=False),
    )
    op.create_index("downloads_by_arrival", "downloads", ["home_id", "arrival"], unique=True)
