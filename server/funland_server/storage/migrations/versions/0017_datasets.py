"""Datasets, their versions, and what was counted of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Makes the tables of datasets."""
    op.create_table(
        "datasets",
        sa.Column("dataset_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("home_id", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("datasets_of_owners", "datasets", ["owner_id", "number"])
    op.create_index("datasets_of_projects", "datasets", ["project_id", "number"])
    op.create_index("datasets_by_status", "datasets", ["home_id", "status", "number"])
    op.create_table(
        "dataset_versions",
        sa.Column("dataset_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("home_id", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("about", sa.LargeBinary, nullable=False),
    )
    op.create_index("dataset_versions_by_home", "dataset_versions", ["home_id"])
    op.create_table(
        "dataset_tokens",
        sa.Column("dataset_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("model_sha256", sa.Text, primary_key=True),
        sa.Column("counts", sa.LargeBinary, nullable=False),
    )
