"""How fast devices were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the table of benchmarks."""
    op.create_table(
        "benchmarks",
        # Whose machine it is: servers may share a database.
        sa.Column("home_id", sa.Text, primary_key=True),
        # What tells the device from any other that this machine had or will have.
        sa.Column("device", sa.Text, primary_key=True),
        sa.Column("model_sha256", sa.Text, primary_key=True),
        # LoadSettings.Engine.
        sa.Column("engine", sa.BigInteger, primary_key=True),
        sa.Column("engine_version", sa.Text, primary_key=True),
        sa.Column("driver_version", sa.Text, primary_key=True),
        # funland.v1.BenchmarkResult.
        sa.Column("result", sa.LargeBinary, nullable=False),
    )
