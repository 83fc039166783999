"""Files that the server keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the table of files."""
    op.create_table(
        "files",
        sa.Column("file_id", sa.Text, primary_key=True),
        # Who has the content: servers may share a database.
        sa.Column("home_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        # Null: never.
        sa.Column("expire_time", sa.BigInteger),
        # Empty: a caller gave it.
        sa.Column("task_id", sa.Text, nullable=False),
    )
    op.create_index("files_by_time", "files", ["create_time", "file_id"])
    op.create_index("files_by_purpose", "files", ["purpose", "create_time", "file_id"])
    op.create_index("files_by_home", "files", ["home_id", "expire_time"])
    of_tasks = sa.text("task_id <> ''")
    op.create_index(
        "files_of_tasks", "files", ["task_id"], sqlite_where=of_tasks, postgresql_where=of_tasks
    )
